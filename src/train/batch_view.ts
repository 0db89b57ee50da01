/**
 * A batch for display: its patches and the Gram matrix of its embeddings.
 *
 * @module
 */
import type { Image } from "../data/image.ts";

/** A batch for display. */
export interface BatchView {
  /** Z̄Z̄ᵀ, `b×b` numbers. */
  gram: Float32Array;
  /** Some patches of some images: an image a row. */
  patches: Image;
}

const ROWS = 6, COLUMNS = 10;

/** Copies some patches of a batch side by side. */
export function samplePatches(
  bytes: Uint8Array,
  { images, patches, size }: { images: number; patches: number; size: number },
): Image {
  const rows = Math.min(ROWS, images), columns = Math.min(COLUMNS, patches);
  const width = columns * size, height = rows * size, line = size * 3;
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      // A batch is patch-major.
      const start = (column * images + row) * size * line;
      for (let y = 0; y < size; y++) {
        const from = start + y * line;
        const to = ((row * size + y) * width + column * size) * 3;
        data.set(bytes.subarray(from, from + line), to);
      }
    }
  }
  return { width, height, data };
}
