/**
 * Brightness: torchvision's `adjust_brightness`, Pillow's
 * `ImageEnhance.Brightness`.
 *
 * @module
 */
import type { Samples } from "../data/image.ts";
import { blend, greatest } from "./image_ops.ts";

/** Blends a patch with black, in place: 0 is black, 1 changes nothing. */
export function adjustBrightness(patch: Samples, factor: number): void {
  const alpha = Math.fround(factor);
  if (alpha === 1) return;
  const most = greatest(patch);
  for (let i = 0; i < patch.length; i++) {
    patch[i] = blend(0, patch[i]!, alpha, most);
  }
}
