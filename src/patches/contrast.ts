/**
 * Contrast: torchvision's `adjust_contrast`, Pillow's `ImageEnhance.Contrast`.
 *
 * @module
 */
import { blend, luma } from "./image_ops.ts";

/** Blends an RGB patch with its mean grey, in place: 1 changes nothing. */
export function adjustContrast(patch: Uint8Array, factor: number): void {
  const alpha = Math.fround(factor);
  if (alpha === 1) return;
  let sum = 0;
  for (let i = 0; i < patch.length; i += 3) {
    sum += luma(patch[i], patch[i + 1], patch[i + 2]);
  }
  const mean = Math.trunc(sum / (patch.length / 3) + 0.5);
  for (let i = 0; i < patch.length; i++) {
    patch[i] = blend(mean, patch[i], alpha);
  }
}
