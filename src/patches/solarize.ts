/**
 * Solarize: Pillow's `ImageOps.solarize` at its default threshold of 128.
 *
 * @module
 */

/** Inverts every byte of 128 or more, in place. */
export function solarize(patch: Uint8Array): void {
  for (let i = 0; i < patch.length; i++) {
    if (patch[i]! >= 128) patch[i] = 255 - patch[i]!;
  }
}
