/**
 * RGB to grey, as Pillow computes it.
 *
 * @module
 */

/**
 * ITU-R 601-2 luma in Pillow's fixed point (`L24` of its Convert.c), for 8-bit or
 * 16-bit values.
 */
export function luma(r: number, g: number, b: number): number {
  // Unsigned shift: the sum may exceed 2³¹ with 16-bit values.
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >>> 16;
}
