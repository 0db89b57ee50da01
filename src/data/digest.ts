/**
 * What tells one data set from another.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Dataset } from "./dataset.ts";

/**
 * A digest of the names and labels of all images, which is equal for equal
 * images, wherever they lie.
 *
 * @param folder Left out of the names.
 */
export function digestOf(dataset: Dataset, folder = ""): string {
  const hash = createHash("sha256");
  for (let i = 0; i < dataset.length; i++) {
    const name = dataset.describe(i).replace(folder, "");
    hash.update(`${dataset.label(i)} ${name}\n`);
  }
  // Images that lie in other blocks would come in another order.
  if (dataset.blocks) hash.update(`${dataset.blocks.sizes}`);
  return hash.digest("hex");
}
