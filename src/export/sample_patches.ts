/**
 * Sample patches with which an export is checked.
 *
 * @module
 */
import { openDataset } from "../data/open_dataset.ts";
import type { Dataset } from "../data/dataset.ts";
import { cutPatch, recipeOf } from "../patches/recipe.ts";
import { createTransforms } from "../patches/create_transforms.ts";
import { Purpose, RandomStream } from "../common/random.ts";
import {
  pixelsOf,
  type ResolvedConfig,
  storedSource,
  valuesOf,
} from "../checkpoint/run_config.ts";
import { type Image, type PixelFormat, samples } from "../data/image.ts";
import { normalized } from "../patches/normalize.ts";
import type { CheckPatches } from "./check.ts";

/** How many unreadable images are passed over. */
const UNREADABLE = 100;

/** An image and its index. */
interface Sample {
  index: number;
  image: Image;
}

/** The first readable images of a data set, at most `count`. */
async function readable(dataset: Dataset, count: number): Promise<Sample[]> {
  const found: Sample[] = [];
  const last = Math.min(dataset.length, count + UNREADABLE);
  for (let index = 0; index < last && found.length < count; index++) {
    try {
      found.push({ index, image: await dataset.image(index) });
    } catch {
      // Damaged images are left out, as in training.
    }
  }
  return found;
}

/** The run's own images; generated ones where they are not available. */
async function images(
  config: ResolvedConfig,
  count: number,
): Promise<Sample[]> {
  try {
    const own = { ...storedSource(config), cache: undefined };
    const found = await readable(await openDataset(own), count);
    if (found.length > 0) return found;
  } catch {
    // The data is not here, or is a module of another machine.
  }
  const { channels, bits } = pixelsOf(config);
  const pixels = { channels, bits };
  const generated = bits === 8 && (channels === 1 || channels === 3)
    ? await openDataset({ name: "shapes", split: "test", pixels })
    : noise(pixels);
  return await readable(generated, count);
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
  const found = await images(config, count);
  const pixels = pixelsOf(config), { channels } = pixels;
  const transforms = await createTransforms(pixels);
  const random = new RandomStream({ seed, purpose: Purpose.patch, at: [] });
  const length = size * size * channels;
  const values = new Float32Array(count * length);
  for (let i = 0; i < count; i++) {
    const { index, image } = found[i % found.length]!;
    transforms.load(image);
    random.seek({ seed, purpose: Purpose.patch, at: [0, index, i] });
    cutPatch(image, { recipe: recipeOf(recipe), size, transforms }, random);
    const { patch } = transforms;
    values.set(normalized(patch, channels, valuesOf(config)), i * length);
  }
  return { count, values };
}
