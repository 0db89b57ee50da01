/**
 * Some patches to check an export with.
 *
 * @module
 */
import { openDataset } from "../data/catalog.ts";
import type { Dataset } from "../data/dataset.ts";
import { cutPatch, recipeOf } from "../patches/recipe.ts";
import { createTransforms } from "../patches/create_transforms.ts";
import { Purpose, RandomStream } from "../random.ts";
import { type ResolvedConfig, trainSource } from "../checkpoint/run_config.ts";
import type { CheckPatches } from "./check.ts";

/** The run's own images; generated ones where they are not at hand. */
async function images(config: ResolvedConfig): Promise<Dataset> {
  try {
    const dataset = await openDataset({
      ...trainSource(config),
      cache: undefined,
    });
    await dataset.image(0);
    return dataset;
  } catch {
    return await openDataset({ name: "shapes", split: "test" });
  }
}

/** Cuts so many patches, as the run did, each of another image. */
export async function samplePatches(
  config: ResolvedConfig,
  count: number,
): Promise<CheckPatches> {
  const { recipe, patchSize: size, seed } = config;
  const dataset = await images(config);
  const transforms = await createTransforms();
  const random = new RandomStream({ seed, purpose: Purpose.patch, at: [] });
  const values = new Float32Array(count * size * size * 3);
  for (let i = 0; i < count; i++) {
    const index = i % dataset.length;
    const image = await dataset.image(index);
    transforms.load(image);
    random.seek({ seed, purpose: Purpose.patch, at: [0, index, i] });
    cutPatch(image, { recipe: recipeOf(recipe), size, transforms }, random);
    transforms.patch.forEach((byte, j) =>
      values[i * size * size * 3 + j] = byte * (2 / 255) - 1
    );
  }
  return { count, values };
}
