/**
 * The recipes of the two-view methods, as solo-learn has them for CIFAR and for
 * ImageNet-100: crops of a share of the whole image, resized by a cubic.
 *
 * @module
 */
import type { Recipe } from "../../patches/recipe.ts";
import type { ViewChoice } from "./method.ts";

/** What of a view is not the same in all of them. */
interface View {
  /** The least share of the image's area. */
  scale?: number;
  /** Brightness, contrast, saturation and hue. */
  jitter: readonly [number, number, number, number] | undefined;
  /** Probability of losing the colour. */
  grayscale?: number;
  /** Probability of a blur. */
  blur: number;
  /** Probability of a solarisation. */
  solarize?: number;
}

/** A view of the whole scale range, from 8 % of the area up. */
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

/** The strong jitter of SimCLR and SwAV, and the weaker one of the others. */
export const STRONG = [0.8, 0.8, 0.8, 0.2] as const;
/** See {@linkcode STRONG}. */
export const WEAKER = [0.4, 0.4, 0.2, 0.1] as const;
