/**
 * Recipes: how an image becomes augmented patches. Two of them are the paper's
 * (section 3.2 and the authors' `dataset/aug.py`).
 *
 * @module
 */
import type { Image } from "../data/image.ts";
import type { RandomStream } from "../common/random.ts";
import { errorMaker } from "../common/errors.ts";
import { drawJitter, jitter, type JitterStrength } from "./color_jitter.ts";
import { type CropRange, drawCrop, roundHalfEven } from "./crop.ts";
import type { Normalization } from "./normalize.ts";
import type { Interpolation } from "./resize.ts";
import { quarterTurn } from "./quarter_turn.ts";
import type { PatchTransforms } from "./transforms.ts";
import { verticalFlip } from "./vertical_flip.ts";

/** A complete augmentation, as plain data. */
export interface Recipe {
  /** The crop, before it is resized to the patch size. */
  crop: CropRange;
  /** The filter used for resizing. */
  interpolation: Interpolation;
  /** Probability of a horizontal flip. */
  flip: number;
  /** Probability of a vertical flip, for images without an upper side; 0 by default. */
  verticalFlip?: number;
  /** Probability of a rotation by 90° counter-clockwise; 0 by default. */
  quarterTurn?: number;
  /** Probability of a colour jitter, and its strength. */
  jitter: JitterStrength & { probability: number };
  /** Probability of random grayscale. */
  grayscale: number;
  /** Probability of a Gaussian blur; range of its standard deviation in pixels. */
  blur: { probability: number; sigma: readonly [number, number] };
  /** Probability of a solarisation. */
  solarize: number;
  /** The normalisation, applied by the engine: mean and std 0.5 by default. */
  normalize?: Normalization;
}

const channelError = errorMaker("use the recipe", "INVALID_ARGUMENT");

const COMMON = {
  flip: 0.5,
  jitter: {
    probability: 0.8,
    brightness: 0.4,
    contrast: 0.4,
    saturation: 0.4,
    hue: 0.2,
  },
  grayscale: 0.2,
  blur: { probability: 0.1, sigma: [0.1, 2] },
  solarize: 0.1,
} as const;

/** The recipes by name. */
export const RECIPES = {
  /** For CIFAR and Tiny ImageNet: square crops of a quarter of the area. */
  cifar: {
    ...COMMON,
    crop: { scale: [0.25, 0.25], ratio: [1, 1] },
    interpolation: "bilinear",
  },
  /** For ImageNet: the same area at aspect ratios from 3/4 to 4/3, bicubic. */
  imagenet: {
    ...COMMON,
    crop: { scale: [0.25, 0.25], ratio: [3 / 4, 4 / 3] },
    interpolation: "bicubic",
  },
} as const satisfies Record<RecipeName, Recipe>;

/** A recipe's name. */
export type RecipeName = "cifar" | "imagenet";

/** A recipe by its name, or the recipe itself. */
export type RecipeChoice = RecipeName | Recipe;

/**
 * The recipe of a name, or the recipe itself.
 *
 * @example By name, or modified
 * ```ts
 * import { RECIPES, recipeOf } from "./recipe.ts";
 *
 * const upright = { ...RECIPES.cifar, flip: 0 };
 * console.assert(recipeOf("cifar").flip === 0.5 && recipeOf(upright).flip === 0);
 * ```
 */
export function recipeOf(choice: RecipeChoice): Recipe {
  return typeof choice === "string" ? RECIPES[choice] : choice;
}

/** A recipe without the steps that need three colour channels. */
export function withoutColor(recipe: Recipe): Recipe {
  const jitter = { ...recipe.jitter, saturation: 0, hue: 0 };
  return { ...recipe, jitter, grayscale: 0 };
}

/** A recipe for images with `channels` channels: without colour steps unless three. */
export function forChannels(recipe: Recipe, channels: number): Recipe {
  return channels === 3 ? recipe : withoutColor(recipe);
}

/**
 * Rejects parts of a recipe that do not suit the number of channels.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, naming the part.
 */
export function checkChannels(recipe: Recipe, channels: number): void {
  for (const [name, list] of Object.entries(recipe.normalize ?? {})) {
    if (list.length === 1 || list.length === channels) continue;
    throw channelError(
      `normalize.${name}`,
      `it has ${list.length} numbers for ${channels} channels`,
      `give one, or ${channels}`,
    );
  }
  if (channels === 3) return;
  const { jitter, grayscale } = recipe;
  const part = grayscale > 0
    ? "grayscale"
    : jitter.probability > 0 && jitter.saturation > 0
    ? "jitter.saturation"
    : jitter.probability > 0 && jitter.hue > 0
    ? "jitter.hue"
    : undefined;
  if (part === undefined) return;
  const channelsName = channels === 1 ? "1 channel" : `${channels} channels`;
  throw channelError(
    part,
    `images of ${channelsName} are not RGB`,
    "set it to 0",
  );
}

/**
 * Cuts one augmented patch. The last step of the recipe, the normalisation (by default
 * (x/255 − ½)/½), is applied by the engine: all earlier steps round to whole numbers.
 *
 * @param image The size of the image that `transforms` has loaded.
 * @param options The recipe, the side of the patch in pixels, and the implementation of
 * the transforms, which then contains the patch.
 * @param random The source of random numbers.
 *
 * @example A patch of a grey image
 * ```ts
 * import { cutPatch, RECIPES } from "./recipe.ts";
 * import { createTransforms } from "./create_transforms.ts";
 * import { Purpose, RandomStream } from "../common/random.ts";
 *
 * const image = { width: 32, height: 32, data: new Uint8Array(3072).fill(99) };
 * const transforms = await createTransforms();
 * transforms.load(image);
 * const random = new RandomStream({ seed: 0, purpose: Purpose.patch, at: [] });
 * const options = { recipe: RECIPES.cifar, size: 32, transforms };
 * cutPatch(image, options, random);
 * const { patch } = transforms;
 * console.assert(patch.every((byte) => byte === patch[0]));
 * ```
 */
export function cutPatch(
  image: Pick<Image, "width" | "height">,
  { recipe, size, transforms }: {
    recipe: Recipe;
    size: number;
    transforms: PatchTransforms;
  },
  random: RandomStream,
): void {
  const box = drawCrop(image, recipe.crop, random);
  const { interpolation } = recipe;
  transforms.cropAndResize(box, { size, interpolation });
  if (random.uniform() < recipe.flip) transforms.flip();
  // Without these parts nothing is drawn for them: patches are as in earlier versions.
  if (recipe.verticalFlip && random.uniform() < recipe.verticalFlip) {
    verticalFlip(transforms.patch, size);
  }
  if (recipe.quarterTurn && random.uniform() < recipe.quarterTurn) {
    quarterTurn(transforms.patch, size);
  }
  if (random.uniform() < recipe.jitter.probability) {
    jitter(transforms, drawJitter(recipe.jitter, random));
  }
  if (random.uniform() < recipe.grayscale) transforms.grayscale();
  if (random.uniform() < recipe.blur.probability) {
    const [low, high] = recipe.blur.sigma;
    transforms.gaussianBlur(random.uniform(low, high));
  }
  if (random.uniform() < recipe.solarize) transforms.solarize();
}

/** Sides in pixels up to this are small images; larger ones are photographs. */
export const SMALL_SIDE = 96;

/** Whether `cutWhole` leaves out the edges: for photographs. */
export function losesEdges(size: number): boolean {
  return size > SMALL_SIDE;
}

/**
 * Cuts the whole image as one patch, as in the evaluations of other methods: its central
 * square, as torchvision's `CenterCrop`; for photographs 224/256 of the shorter side, the
 * view of torchvision's `Resize(256)` and `CenterCrop(224)` (which resize first).
 */
export function cutWhole(
  { width, height }: Pick<Image, "width" | "height">,
  { recipe: { interpolation }, size, transforms }: {
    recipe: Recipe;
    size: number;
    transforms: PatchTransforms;
  },
): void {
  const shorter = Math.min(width, height);
  const side = losesEdges(size) ? Math.round(shorter * 224 / 256) : shorter;
  const box = {
    left: roundHalfEven((width - side) / 2),
    top: roundHalfEven((height - side) / 2),
    width: side,
    height: side,
  };
  transforms.cropAndResize(box, { size, interpolation });
}
