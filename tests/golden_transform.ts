/** The transforms by the names that golden files have for them. */
import type { PatchTransforms } from "../src/patches/transforms.ts";

/** What some of them are changed by. */
interface Change {
  transform: string;
  factor: number;
  sigma: number;
}

/** Transforms a patch that is loaded. */
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
