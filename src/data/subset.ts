/**
 * A subset of a data set.
 *
 * @module
 */
import { permute } from "../common/random.ts";
import type { Blocks, Dataset } from "./dataset.ts";

/**
 * A random choice of `count` images, so that classes keep about their proportions. It
 * has a fixed seed: it depends only on `count` and the size of the data set.
 */
export function limitTo(dataset: Dataset, count: number): Dataset {
  const { length, name, classes, pixels } = dataset;
  const choice = (index: number) =>
    permute(index, { count: length, seed: 0, epoch: 0xffffffff });
  // Images that are read in blocks stay in their order.
  const sorted = dataset.blocks &&
    Float64Array.from({ length: Math.min(count, length) }, (_, i) => choice(i))
      .sort();
  const all = sorted ? (index: number) => sorted[index]! : choice;
  return {
    name,
    classes,
    pixels,
    blocks: dataset.blocks && blocksOf(sorted!, dataset.blocks),
    length: Math.min(count, length),
    label: (index) => dataset.label(all(index)),
    describe: (index) => dataset.describe(all(index)),
    image: (index) => dataset.image(all(index)),
    decodeAs: dataset.decodeAs && ((pixels) => dataset.decodeAs!(pixels)),
  };
}

/** The blocks of a subset: how many of its images, in order, are in each block. */
function blocksOf(images: Float64Array, { sizes, buffer }: Blocks): Blocks {
  const own = new Uint32Array(sizes.length);
  let block = 0, end = sizes[0] ?? 0;
  for (const image of images) {
    while (image >= end) end += sizes[++block]!;
    own[block]!++;
  }
  // A shuffle buffer spans as many blocks as without the limit.
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const share = images.length / Math.max(1, total);
  return { sizes: own, buffer: Math.max(1, Math.floor(buffer * share)) };
}
