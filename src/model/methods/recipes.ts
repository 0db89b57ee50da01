/**
 * The recipes of the two-view methods, as in solo-learn for CIFAR and ImageNet-100:
 * random resized crops with bicubic interpolation.
 *
 * @module
 */
import type { Recipe } from "../../patches/recipe.ts";
import type { ViewChoice } from "./method.ts";

/** The settings that differ between views. */
interface View {
  /** Smallest area of a crop, as a share of the image. */
  scale?: number;
  /** Brightness, contrast, saturation and hue. */
  jitter: readonly [number, number, number, number] | undefined;
  /** Probability of random grayscale. */
  grayscale?: number;
  /** Probability of a blur. */
  blur: number;
  /** Probability of a solarisation. */
  solarize?: number;
}

/** The recipe of a view: crops from `scale` (by default 8 %) of the area to all of it. */
export function view(
  { scale = 0.08, jitter, grayscale = 0.2, blur, solarize = 0 }: View,
  { normalize }: ViewChoice,
): Recipe {
  const [brightness, contrast, saturation, hue] = jitter ?? [0, 0, 0, 0];
  return {
    crop: { scale: [scale, 1], ratio: [3 / 4, 4 / 3] },
    interpolation: "bicubic",
    flip: 0.5,
    jitter: {
      probability: jitter ? 0.8 : 0,
      ...{ brightness, contrast, saturation, hue },
    },
    grayscale,
    blur: { probability: blur, sigma: [0.1, 2] },
    solarize,
    normalize,
  };
}

/** The strong colour jitter of SimCLR and SwAV, and the weaker one of the others. */
export const STRONG = [0.8, 0.8, 0.8, 0.2] as const;
/** See {@linkcode STRONG}. */
export const WEAKER = [0.4, 0.4, 0.2, 0.1] as const;
