/**
 * Brightness: torchvision's `adjust_brightness`, Pillow's
 * `ImageEnhance.Brightness`.
 *
 * @module
 */
import { blend } from "./image_ops.ts";

/** Blends an RGB patch with black, in place: 0 is black, 1 changes nothing. */
export function adjustBrightness(patch: Uint8Array, factor: number): void {
  const alpha = Math.fround(factor);
  if (alpha === 1) return;
  for (let i = 0; i < patch.length; i++) patch[i] = blend(0, patch[i]!, alpha);
}
