/** The transforms by their names in the golden files. */
import type { PatchTransforms } from "../src/patches/transforms.ts";

/** A transform; `factor` and `sigma` are for those that have such a parameter. */
interface Change {
  transform: string;
  factor: number;
  sigma: number;
}

/** Applies a transform to the loaded patch. */
export function transform(
  transforms: PatchTransforms,
  { transform, factor, sigma }: Change,
): void {
  switch (transform) {
    case "flip":
      return transforms.flip();
    case "grayscale":
      return transforms.grayscale();
    case "solarize":
      return transforms.solarize();
    case "brightness":
      return transforms.adjustBrightness(factor);
    case "contrast":
      return transforms.adjustContrast(factor);
    case "saturation":
      return transforms.adjustSaturation(factor);
    case "hue":
      return transforms.adjustHue(factor);
    case "blur":
      return transforms.gaussianBlur(sigma);
    default:
      throw new Error(`no transform ${transform}`);
  }
}
