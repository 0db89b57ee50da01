/**
 * A digest that identifies a data set.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Dataset } from "./dataset.ts";

/**
 * A digest of the names and labels of all images, which does not depend on the
 * folder. The contents of the images are not read.
 *
 * @param folder Removed from the names.
 */
export function digestOf(dataset: Dataset, folder = ""): string {
  const hash = createHash("sha256");
  for (let i = 0; i < dataset.length; i++) {
    const name = dataset.describe(i).replace(folder, "");
    hash.update(`${dataset.label(i)} ${name}\n`);
  }
  // With other blocks, the images would be shuffled in another order.
  if (dataset.blocks) hash.update(`${dataset.blocks.sizes}`);
  return hash.digest("hex");
}
