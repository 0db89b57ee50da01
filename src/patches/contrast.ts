/**
 * Contrast: torchvision's `adjust_contrast`, Pillow's `ImageEnhance.Contrast`.
 *
 * @module
 */
import { blend, luma } from "./image_ops.ts";

/** The mean grey of so many pixels, rounded. */
export function contrastMean(sum: number, pixels: number): number {
  return Math.trunc(sum / pixels + 0.5);
}

/** Blends an RGB patch with its mean grey, in place: 1 changes nothing. */
export function adjustContrast(patch: Uint8Array, factor: number): void {
  const alpha = Math.fround(factor);
  if (alpha === 1) return;
  let sum = 0;
  for (let i = 0; i < patch.length; i += 3) {
    sum += luma(patch[i]!, patch[i + 1]!, patch[i + 2]!);
  }
  const mean = contrastMean(sum, patch.length / 3);
  for (let i = 0; i < patch.length; i++) {
    patch[i] = blend(mean, patch[i]!, alpha);
  }
}
