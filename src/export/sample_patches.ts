/**
 * Sample patches with which an export is checked.
 *
 * @module
 */
import { openDataset } from "../data/catalog.ts";
import type { Dataset } from "../data/dataset.ts";
import { cutPatch, recipeOf } from "../patches/recipe.ts";
import { createTransforms } from "../patches/create_transforms.ts";
import { Purpose, RandomStream } from "../random.ts";
import {
  pixelsOf,
  type ResolvedConfig,
  trainSource,
  valuesOf,
} from "../checkpoint/run_config.ts";
import { type PixelFormat, samples } from "../data/image.ts";
import { normalized } from "../patches/normalize.ts";
import type { CheckPatches } from "./check.ts";

/** The run's own images; generated ones where they are not available. */
async function images(config: ResolvedConfig): Promise<Dataset> {
  try {
    const dataset = await openDataset({
      ...trainSource(config),
      cache: undefined,
    });
    await dataset.image(0);
    return dataset;
  } catch {
    const { channels, bits } = pixelsOf(config);
    if (bits === 8 && (channels === 1 || channels === 3)) {
      const pixels = { channels, bits };
      return await openDataset({ name: "shapes", split: "test", pixels });
    }
    return noise(pixelsOf(config));
  }
}

/** An image of random numbers, for pixel formats that `shapes` does not have. */
function noise(pixels: PixelFormat): Dataset {
  const { channels, bits } = pixels, side = 64;
  return {
    name: "noise",
    length: 1,
    classes: [],
    label: () => 0,
    describe: () => "noise",
    image(index) {
      const random = new RandomStream({ seed: 0, purpose: 0, at: [index] });
      const data = samples(side * side * channels, bits);
      for (let i = 0; i < data.length; i++) data[i] = random.below(2 ** bits);
      return { width: side, height: side, channels, data };
    },
  };
}

/** Cuts patches as in training, one per image; starts over after the last image. */
export async function samplePatches(
  config: ResolvedConfig,
  count: number,
): Promise<CheckPatches> {
  const { recipe, patchSize: size, seed } = config;
  const dataset = await images(config);
  const pixels = pixelsOf(config), { channels } = pixels;
  const transforms = await createTransforms(pixels);
  const random = new RandomStream({ seed, purpose: Purpose.patch, at: [] });
  const length = size * size * channels;
  const values = new Float32Array(count * length);
  for (let i = 0; i < count; i++) {
    const index = i % dataset.length;
    const image = await dataset.image(index);
    transforms.load(image);
    random.seek({ seed, purpose: Purpose.patch, at: [0, index, i] });
    cutPatch(image, { recipe: recipeOf(recipe), size, transforms }, random);
    const { patch } = transforms;
    values.set(normalized(patch, channels, valuesOf(config)), i * length);
  }
  return { count, values };
}
