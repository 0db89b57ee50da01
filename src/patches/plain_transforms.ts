/**
 * The reference implementation of the transforms, in plain TypeScript.
 *
 * @module
 */
import {
  formatOf,
  type Image,
  type PixelFormat,
  RGB,
  type Samples,
  samples,
} from "../data/image.ts";
import { gaussianBlur } from "./blur.ts";
import { adjustBrightness } from "./brightness.ts";
import { adjustContrast } from "./contrast.ts";
import type { CropBox } from "./crop.ts";
import { flip } from "./flip.ts";
import { grayscale } from "./grayscale.ts";
import { adjustHue } from "./hue.ts";
import { cropAndResize, type Interpolation } from "./resize.ts";
import { adjustSaturation } from "./saturation.ts";
import { solarize } from "./solarize.ts";
import type { PatchTransforms } from "./transforms.ts";

/** See `transforms.ts`. */
export class PlainTransforms implements PatchTransforms {
  #image: Image = { width: 0, height: 0, data: new Uint8Array() };
  #size = 0;
  #format: PixelFormat = RGB;
  /** The patch. */
  patch: Samples = new Uint8Array();

  /** See {@linkcode PatchTransforms.load}. */
  load(image: Image): void {
    this.#image = image;
    this.#format = formatOf(image);
  }
  /** See {@linkcode PatchTransforms.cropAndResize}. */
  cropAndResize(
    box: CropBox,
    options: { size: number; interpolation: Interpolation },
  ): void {
    const { channels, bits } = this.#format;
    const length = options.size ** 2 * channels;
    const fits = this.patch.length === length &&
      this.patch.BYTES_PER_ELEMENT === bits / 8;
    if (!fits) this.patch = samples(length, bits);
    this.#size = options.size;
    cropAndResize(this.#image, box, options, this.patch);
  }
  /** See {@linkcode PatchTransforms.flip}. */
  flip(): void {
    flip(this.patch, this.#size, this.#format.channels);
  }
  /** See {@linkcode PatchTransforms.adjustBrightness}. */
  adjustBrightness(factor: number): void {
    adjustBrightness(this.patch, factor);
  }
  /** See {@linkcode PatchTransforms.adjustContrast}. */
  adjustContrast(factor: number): void {
    adjustContrast(this.patch, factor, this.#format.channels);
  }
  /** See {@linkcode PatchTransforms.adjustSaturation}. */
  adjustSaturation(factor: number): void {
    adjustSaturation(this.patch, factor);
  }
  /** See {@linkcode PatchTransforms.adjustHue}. */
  adjustHue(factor: number): void {
    adjustHue(this.patch, factor);
  }
  /** See {@linkcode PatchTransforms.grayscale}. */
  grayscale(): void {
    grayscale(this.patch);
  }
  /** See {@linkcode PatchTransforms.gaussianBlur}. */
  gaussianBlur(sigma: number): void {
    gaussianBlur(this.patch, {
      size: this.#size,
      sigma,
      channels: this.#format.channels,
    });
  }
  /** See {@linkcode PatchTransforms.solarize}. */
  solarize(): void {
    solarize(this.patch);
  }
}
