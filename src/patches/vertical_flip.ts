/**
 * Vertical flip, in place.
 *
 * @module
 */
import type { Samples } from "../data/image.ts";

/** Mirrors a `size × size` patch top to bottom (`vflip`). */
export function verticalFlip(patch: Samples, size: number): void {
  const row = patch.length / size;
  for (
    let top = 0, low = patch.length - row;
    top < low;
    top += row, low -= row
  ) {
    const above = patch.slice(top, top + row);
    patch.copyWithin(top, low, low + row);
    patch.set(above, low);
  }
}
