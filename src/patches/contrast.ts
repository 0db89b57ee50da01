/**
 * Contrast: torchvision's `adjust_contrast`, Pillow's `ImageEnhance.Contrast`.
 *
 * @module
 */
import type { Samples } from "../data/image.ts";
import { luma } from "../data/luma.ts";
import { blend, greatest } from "./image_ops.ts";

/** The mean grey of some pixels, rounded. */
export function contrastMean(sum: number, pixels: number): number {
  return Math.trunc(sum / pixels + 0.5);
}

/**
 * Blends a patch with its mean grey, in place: a factor of 1 changes nothing. Unless
 * there are three channels, each is blended with its own mean, as Pillow does for one
 * channel.
 */
export function adjustContrast(
  patch: Samples,
  factor: number,
  channels = 3,
): void {
  const alpha = Math.fround(factor);
  if (alpha === 1) return;
  if (channels !== 3) return adjustEach(patch, alpha, channels);
  const most = greatest(patch);
  let sum = 0;
  for (let i = 0; i < patch.length; i += 3) {
    sum += luma(patch[i]!, patch[i + 1]!, patch[i + 2]!);
  }
  const mean = contrastMean(sum, patch.length / 3);
  for (let i = 0; i < patch.length; i++) {
    patch[i] = blend(mean, patch[i]!, alpha, most);
  }
}

/** Channel by channel. */
function adjustEach(patch: Samples, alpha: number, channels: number): void {
  const most = greatest(patch);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let i = c; i < patch.length; i += channels) sum += patch[i]!;
    const mean = contrastMean(sum, patch.length / channels);
    for (let i = c; i < patch.length; i += channels) {
      patch[i] = blend(mean, patch[i]!, alpha, most);
    }
  }
}
