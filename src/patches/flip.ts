/**
 * Horizontal flip, in place.
 *
 * @module
 */

/** Mirrors a `size × size` RGB patch left to right (`hflip`). */
export function flip(patch: Uint8Array, size: number): void {
  for (let y = 0; y < size; y++) {
    let left = y * size * 3, right = left + (size - 1) * 3;
    for (; left < right; left += 3, right -= 3) {
      for (let c = 0; c < 3; c++) {
        const byte = patch[left + c]!;
        patch[left + c] = patch[right + c]!;
        patch[right + c] = byte;
      }
    }
  }
}
