/**
 * Saturation: torchvision's `adjust_saturation`, Pillow's
 * `ImageEnhance.Color`.
 *
 * @module
 */
import type { Samples } from "../data/image.ts";
import { luma } from "../data/luma.ts";
import { blend, greatest } from "./image_ops.ts";

/** Blends an RGB patch with its greys, in place: a factor of 1 changes nothing. */
export function adjustSaturation(patch: Samples, factor: number): void {
  const alpha = Math.fround(factor);
  if (alpha === 1) return;
  const most = greatest(patch);
  for (let i = 0; i < patch.length; i += 3) {
    const grey = luma(patch[i]!, patch[i + 1]!, patch[i + 2]!);
    patch[i] = blend(grey, patch[i]!, alpha, most);
    patch[i + 1] = blend(grey, patch[i + 1]!, alpha, most);
    patch[i + 2] = blend(grey, patch[i + 2]!, alpha, most);
  }
}
