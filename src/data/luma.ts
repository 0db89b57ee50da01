/**
 * The grey of a colour, as Pillow computes it.
 *
 * @module
 */

/**
 * ITU-R 601-2 luma in Pillow's fixed point (`L24` of its Convert.c), of bytes or of
 * 16 bits.
 */
export function luma(r: number, g: number, b: number): number {
  // >>>: a sum of 16-bit numbers is over 2³¹.
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >>> 16;
}
