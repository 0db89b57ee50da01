/**
 * The draw of a random crop: torchvision's `RandomResizedCrop.get_params`.
 *
 * @module
 */
import type { RandomStream } from "../common/random.ts";

/** A rectangle of whole pixels inside an image. */
export interface CropBox {
  /** Columns left of it. */
  left: number;
  /** Rows above it. */
  top: number;
  /** Columns in it. */
  width: number;
  /** Rows in it. */
  height: number;
}

/** The ranges from which a crop is drawn. */
export interface CropRange {
  /** Minimum and maximum fraction of the image's area. */
  scale: readonly [number, number];
  /** Minimum and maximum aspect ratio: width / height. */
  ratio: readonly [number, number];
}

/** Rounds halves to even, as Python does, and so torchvision's crops: 36.5 to 36. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Draws a crop: up to ten attempts at an area and an aspect ratio that fit into the
 * image, else the largest central crop whose ratio is in range.
 *
 * @param size Width and height of the image in pixels.
 * @param range See {@linkcode CropRange}.
 * @param random The source of random numbers.
 *
 * @example A quarter of the area of a square
 * ```ts
 * import { drawCrop } from "./crop.ts";
 * import { Purpose, RandomStream } from "../common/random.ts";
 *
 * const random = new RandomStream({ seed: 0, purpose: Purpose.patch, at: [] });
 * const box = drawCrop(
 *   { width: 32, height: 32 },
 *   { scale: [0.25, 0.25], ratio: [1, 1] },
 *   random,
 * );
 * console.assert(box.width === 16 && box.height === 16);
 * ```
 */
export function drawCrop(
  { width, height }: { width: number; height: number },
  { scale, ratio }: CropRange,
  random: RandomStream,
): CropBox {
  const area = width * height;
  const logLow = Math.log(ratio[0]), logHigh = Math.log(ratio[1]);
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = area * random.uniform(scale[0], scale[1]);
    const aspect = Math.exp(random.uniform(logLow, logHigh));
    const w = roundHalfEven(Math.sqrt(target * aspect));
    const h = roundHalfEven(Math.sqrt(target / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      return {
        top: random.below(height - h + 1),
        left: random.below(width - w + 1),
        width: w,
        height: h,
      };
    }
  }
  const own = width / height;
  let w = width, h = height;
  if (own < ratio[0]) h = roundHalfEven(width / ratio[0]);
  else if (own > ratio[1]) w = roundHalfEven(height * ratio[1]);
  return {
    top: Math.floor((height - h) / 2),
    left: Math.floor((width - w) / 2),
    width: w,
    height: h,
  };
}
