/**
 * Horizontal flip, in place.
 *
 * @module
 */
import type { Samples } from "../data/image.ts";

/** Mirrors a `size × size` patch left to right (`hflip`). */
export function flip(patch: Samples, size: number, channels = 3): void {
  for (let y = 0; y < size; y++) {
    let left = y * size * channels, right = left + (size - 1) * channels;
    for (; left < right; left += channels, right -= channels) {
      for (let c = 0; c < channels; c++) {
        const number = patch[left + c]!;
        patch[left + c] = patch[right + c]!;
        patch[right + c] = number;
      }
    }
  }
}
