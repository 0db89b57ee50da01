/**
 * Digests that identify a data set.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { errorMaker } from "../common/errors.ts";
import type { Dataset } from "./dataset.ts";

/** How many images two threads compare. */
const SAMPLED = 1000;

/**
 * A digest of the length, the classes, and the names and labels of a thousand images
 * spread over a data set: another order or another choice of images shows in it.
 */
export function sampleDigestOf(dataset: Dataset): string {
  const { length, classes } = dataset, count = Math.min(SAMPLED, length);
  const hash = createHash("sha256");
  hash.update(JSON.stringify([length, classes]));
  for (let i = 0; i < count; i++) {
    const index = Math.floor(i * length / count);
    hash.update(`${dataset.label(index)} ${dataset.describe(index)}\n`);
  }
  return hash.digest("hex");
}

const orderError = errorMaker("use the data of", "INVALID_DATA");

/**
 * Checks that a module opens the same images, in the same order, as in the thread that
 * began: otherwise patches would get the labels of other images.
 *
 * @param began The module, and the digest in that thread.
 * @throws {EmpSslError} `INVALID_DATA`.
 */
export function checkSame(
  dataset: Dataset,
  began: { url: string; digest: string },
): void {
  if (sampleDigestOf(dataset) === began.digest) return;
  throw orderError(
    began.url,
    "another thread that opened it has other images, or in another order",
    "give the same images in the same order at each open(): sort them, and seed " +
      "what is random",
  );
}

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
