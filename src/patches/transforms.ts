/**
 * The transforms of a patch, as the recipe uses them: on an image that is
 * loaded once and on one patch at a time. The plain TypeScript version
 * (`plain_transforms.ts`) is the reference; the one in WebAssembly
 * (`wasm/wasm_transforms.ts`) gives the same bytes faster.
 *
 * @module
 */
import type { Image, Samples } from "../data/image.ts";
import type { CropBox } from "./crop.ts";
import type { Interpolation } from "./resize.ts";

/** See the module's description. */
export interface PatchTransforms {
  /** Takes the image that the next patches are cut from. */
  load(image: Image): void;
  /** Starts a patch of `size × size`: see `resize.ts`. */
  cropAndResize(
    box: CropBox,
    options: { size: number; interpolation: Interpolation },
  ): void;
  /** Starts from a patch that is there. */
  start(patch: Samples, size: number): void;
  /** See `flip.ts`. */
  flip(): void;
  /** See `brightness.ts`. */
  adjustBrightness(factor: number): void;
  /** See `contrast.ts`. */
  adjustContrast(factor: number): void;
  /** See `saturation.ts`. */
  adjustSaturation(factor: number): void;
  /** See `hue.ts`. */
  adjustHue(factor: number): void;
  /** See `grayscale.ts`. */
  grayscale(): void;
  /** See `blur.ts`. */
  gaussianBlur(sigma: number): void;
  /** See `solarize.ts`. */
  solarize(): void;
  /** The patch's numbers, until the next call. */
  readonly patch: Samples;
}
