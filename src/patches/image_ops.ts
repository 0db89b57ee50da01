/**
 * What the transforms share: rounding to bytes as Pillow rounds, its
 * greyscale weights, and its blend.
 *
 * @module
 */

/** A byte from a number that may be outside 0 to 255, truncated as C does. */
export function clip8(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
}

/** ITU-R 601-2 luma in Pillow's fixed point (`L24` of its Convert.c). */
export function luma(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

/**
 * One byte of `Image.blend(first, second, alpha)`: `first + alpha · (second −
 * first)` in single precision, truncated (Pillow's Blend.c).
 *
 * @param alpha Already rounded to single precision.
 */
export function blend(first: number, second: number, alpha: number): number {
  return clip8(Math.fround(first + Math.fround(alpha * (second - first))));
}
