/**
 * Rotation by 90° counter-clockwise, in place.
 *
 * @module
 */
import type { Samples } from "../data/image.ts";

/** Turns a `size × size` patch as Pillow's `ROTATE_90` does. */
export function quarterTurn(patch: Samples, size: number): void {
  const before = patch.slice(), channels = patch.length / size ** 2;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const from = (x * size + size - 1 - y) * channels;
      const to = (y * size + x) * channels;
      for (let c = 0; c < channels; c++) patch[to + c] = before[from + c]!;
    }
  }
}
