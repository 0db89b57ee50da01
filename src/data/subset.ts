/**
 * A part of a data set.
 *
 * @module
 */
import { permute } from "../random.ts";
import type { Dataset } from "./dataset.ts";

/**
 * A fixed choice of `count` images, spread over the whole set, so that the
 * classes of a folder keep their shares. The choice depends on nothing else.
 */
export function limitTo(dataset: Dataset, count: number): Dataset {
  const { length, name, classes, pixels } = dataset;
  const all = (index: number) =>
    permute(index, { count: length, seed: 0, epoch: 0xffffffff });
  return {
    name,
    classes,
    pixels,
    length: Math.min(count, length),
    label: (index) => dataset.label(all(index)),
    describe: (index) => dataset.describe(all(index)),
    image: (index) => dataset.image(all(index)),
  };
}
