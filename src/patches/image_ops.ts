/**
 * Operations that the transforms share: the range of pixel values, and Pillow's blend
 * with its rounding.
 *
 * @module
 */
import type { Samples } from "../data/image.ts";

/** The greatest pixel value: of 8 or 16 bits. */
export function greatest(data: Samples): 255 | 65535 {
  return data instanceof Uint16Array ? 65535 : 255;
}

/** Truncates a number and clamps it to 0 to `most`. */
function clip(value: number, most: number): number {
  return value <= 0 ? 0 : value >= most ? most : value | 0;
}

/**
 * One value of `Image.blend(first, second, alpha)`: `first + alpha · (second − first)`
 * in single precision, truncated (Pillow's Blend.c).
 *
 * @param alpha Already rounded to single precision.
 * @param most The greatest pixel value.
 */
export function blend(
  first: number,
  second: number,
  alpha: number,
  most = 255,
): number {
  const mixed = first + Math.fround(alpha * (second - first));
  return clip(Math.fround(mixed), most);
}
