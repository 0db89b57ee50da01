/**
 * Solarize: Pillow's `ImageOps.solarize` at its default threshold of 128.
 *
 * @module
 */
import type { Samples } from "../data/image.ts";
import { greatest } from "./image_ops.ts";

/** Inverts every value in the upper half of the range, in place: bytes from 128 up. */
export function solarize(patch: Samples): void {
  const most = greatest(patch), threshold = (most + 1) / 2;
  for (let i = 0; i < patch.length; i++) {
    if (patch[i]! >= threshold) patch[i] = most - patch[i]!;
  }
}
