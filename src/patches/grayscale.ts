/**
 * Grayscale with three equal channels: torchvision's `rgb_to_grayscale`.
 *
 * @module
 */
import type { Samples } from "../data/image.ts";
import { luma } from "../data/luma.ts";

/** Converts an RGB patch to greys, in place. */
export function grayscale(patch: Samples): void {
  for (let i = 0; i < patch.length; i += 3) {
    patch[i] = patch[i + 1] = patch[i + 2] = luma(
      patch[i]!,
      patch[i + 1]!,
      patch[i + 2]!,
    );
  }
}
