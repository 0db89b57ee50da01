/**
 * ColorJitter: brightness, contrast, saturation and hue by random amounts, in
 * random order (torchvision's `ColorJitter`).
 *
 * @module
 */
import type { RandomStream } from "../common/random.ts";
import type { PatchTransforms } from "./transforms.ts";

/** Factors are drawn from 1 ± the first three values, the hue shift from 0 ± `hue`. */
export interface JitterStrength {
  /** In [0, 1]. */
  brightness: number;
  /** In [0, 1]. */
  contrast: number;
  /** In [0, 1]. */
  saturation: number;
  /** In [0, 0.5], as a fraction of the colour circle. */
  hue: number;
}

/** The drawn parameters of one jitter, and the order of its steps. */
export interface JitterDraw {
  /** A permutation of 0 brightness, 1 contrast, 2 saturation, 3 hue. */
  order: readonly number[];
  /** The brightness factor. */
  brightness: number;
  /** The contrast factor. */
  contrast: number;
  /** The saturation factor. */
  saturation: number;
  /** The hue shift. */
  hue: number;
}

/** Draws the parameters and the order. */
export function drawJitter(
  strength: JitterStrength,
  random: RandomStream,
): JitterDraw {
  const around = (by: number) => random.uniform(Math.max(0, 1 - by), 1 + by);
  return {
    order: random.permutation(4),
    brightness: around(strength.brightness),
    contrast: around(strength.contrast),
    saturation: around(strength.saturation),
    hue: random.uniform(-strength.hue, strength.hue),
  };
}

/** Applies a draw to the current patch. */
export function jitter(transforms: PatchTransforms, draw: JitterDraw): void {
  for (const step of draw.order) {
    if (step === 0) transforms.adjustBrightness(draw.brightness);
    else if (step === 1) transforms.adjustContrast(draw.contrast);
    else if (step === 2) transforms.adjustSaturation(draw.saturation);
    // As torchvision, which leaves out a hue of strength 0: the way to HSV and back
    // rounds, and mixes numbers that are not RGB.
    else if (draw.hue !== 0) transforms.adjustHue(draw.hue);
  }
}
