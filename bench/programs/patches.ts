/**
 * Our patches on one core for bench/patches.ts: for each line `recipe count` it cuts so
 * many patches from an image of noise and prints the seconds.
 *
 * @module
 */
import type { Image } from "../../src/data/image.ts";
import {
  cutPatch,
  type RecipeName,
  RECIPES,
} from "../../src/patches/recipe.ts";
import { createTransforms } from "../../src/patches/create_transforms.ts";
import { Purpose, RandomStream } from "../../src/common/random.ts";

/** An image of noise. */
export function noise(width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3);
  data.forEach((_, i) => data[i] = Math.imul(i, 2654435761) >>> 24);
  return { width, height, data };
}

const SETTINGS = {
  cifar: { image: noise(32, 32), size: 32 },
  imagenet: { image: noise(500, 375), size: 224 },
};

if (import.meta.main) {
  const transforms = await createTransforms();
  const random = new RandomStream({ seed: 0, purpose: Purpose.patch, at: [] });
  console.log(transforms.constructor.name);
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const line of lines) {
    const [name, count] = line.trim().split(" ");
    const { image, size } = SETTINGS[name as RecipeName];
    const recipe = RECIPES[name as RecipeName];
    const output = new Uint8Array(size * size * 3);
    const begin = performance.now();
    transforms.load(image);
    for (let i = 0; i < Number(count); i++) {
      random.seek({ seed: 0, purpose: Purpose.patch, at: [0, 0, i] });
      cutPatch(image, { recipe, size, transforms }, random);
      output.set(transforms.patch);
    }
    console.log((performance.now() - begin) / 1000);
  }
}
