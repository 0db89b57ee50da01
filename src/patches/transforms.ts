/**
 * The interface of the transforms, as the recipe uses them: an image is loaded once,
 * then patches are cut from it one at a time. The plain TypeScript implementation
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
  /** Loads the image from which the next patches are cut. */
  load(image: Image): void;
  /** Starts a patch of `size × size` with a crop: see `resize.ts`. */
  cropAndResize(
    box: CropBox,
    options: { size: number; interpolation: Interpolation },
  ): void;
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
  /** The patch's pixel values, valid until the next call. */
  readonly patch: Samples;
}
