/**
 * A batch for display: its patches and the Gram matrix of its embeddings.
 *
 * @module
 */
import {
  type Image,
  type PixelFormat,
  samples,
  toDisplay,
} from "../data/image.ts";

/** A batch for display. */
export interface BatchView {
  /** Z̄Z̄ᵀ of the first 256 images of the batch at most: `b×b` numbers. */
  gram: Float32Array;
  /** Some patches of some images: one image per row. */
  patches: Image;
}

const ROWS = 6, COLUMNS = 10;

/** Tiles some patches of a batch into one image. */
export function patchesInView(
  bytes: Uint8Array,
  { images, patches, size, pixels: { channels, bits } }: {
    images: number;
    patches: number;
    size: number;
    pixels: PixelFormat;
  },
): Image {
  const numbers = bits === 16
    ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    : bytes;

  const rows = Math.min(ROWS, images), columns = Math.min(COLUMNS, patches);
  const width = columns * size, height = rows * size, line = size * channels;
  const data = samples(width * height * channels, bits);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      // A batch is patch-major.
      const start = (column * images + row) * size * line;
      for (let y = 0; y < size; y++) {
        const from = start + y * line;
        const to = ((row * size + y) * width + column * size) * channels;
        data.set(numbers.subarray(from, from + line), to);
      }
    }
  }
  return toDisplay({ width, height, channels, data });
}
