/**
 * Gaussian blur as in Pillow: three extended box blurs per direction, rounded to bytes
 * after each (BoxBlur.c; Gwosdek et al., «Theoretical Foundations of Gaussian
 * Convolution by Extended Box Filtering», 2011).
 *
 * @module
 */
import { type Samples, samples } from "../data/image.ts";

const f = Math.fround;
const PASSES = 3;

/** The radius of the box whose threefold application has standard deviation `sigma`. */
function boxRadius(sigma: number): number {
  const radius = f(sigma);
  const variance = f(f(radius * radius) / PASSES);
  const length = f(Math.sqrt(12 * variance + 1));
  const whole = f(Math.floor((length - 1) / 2));
  let part = f(
    f(f(2 * whole) + 1) * f(f(whole * f(whole + 1)) - f(3 * variance)),
  );
  part = f(part / f(6 * f(variance - f(f(whole + 1) * f(whole + 1)))));
  return f(whole + part);
}

/** The box blurs that approximate one Gaussian blur. */
export interface BoxBlurs {
  /** How many per direction. */
  passes: number;
  /** Whole pixels on each side. */
  radius: number;
  /** The weight of the pixels within the radius, in units of 2^−24. */
  centre: number;
  /** The weight of the two pixels just outside, in units of 2^−24. */
  edge: number;
}

/** The box blurs of a standard deviation; undefined if they change nothing. */
export function boxBlurs(sigma: number): BoxBlurs | undefined {
  const exact = boxRadius(sigma);
  if (exact === 0) return undefined;
  const radius = Math.trunc(exact);
  const centre = Math.trunc(f((1 << 24) / f(f(exact * 2) + 1)));
  const edge = Math.trunc(((1 << 24) - (radius * 2 + 1) * centre) / 2);
  return { passes: PASSES, radius, centre, edge };
}

/**
 * Blurs a `size × size` patch, in place.
 *
 * @param patch Values of 8 or 16 bits, with the same arithmetic.
 * @param options The side of the patch, the standard deviation in pixels, and the
 * number of channels: 3 by default.
 */
export function gaussianBlur(
  patch: Samples,
  { size, sigma, channels = 3 }: {
    size: number;
    sigma: number;
    channels?: number;
  },
): void {
  const box = boxBlurs(sigma);
  if (box === undefined) return;
  const bits = patch instanceof Uint16Array ? 16 : 8, row = size * channels;
  const line = samples(size, bits), other = samples(size, bits);
  for (const [along, across] of [[channels, row], [row, channels]] as const) {
    for (let n = 0; n < size; n++) {
      for (let c = 0; c < channels; c++) {
        const start = n * across + c;
        for (let i = 0; i < size; i++) line[i] = patch[start + i * along]!;
        blurLine(line, other, box);
        blurLine(other, line, box);
        blurLine(line, other, box);
        for (let i = 0; i < size; i++) patch[start + i * along] = other[i]!;
      }
    }
  }
}

/**
 * One pass over one line (`ImagingLineBoxBlur8`): full weight within the radius, the
 * rest on the two pixels just outside; border pixels are repeated.
 */
function blurLine(
  input: Samples,
  output: Samples,
  { radius, centre, edge }: { radius: number; centre: number; edge: number },
): void {
  const last = input.length - 1;
  let sum = input[0]! * (radius + 1);
  for (let i = 0; i < radius; i++) sum += input[i < last ? i : last]!;
  for (let x = 0; x <= last; x++) {
    const leave = x - radius - 1 > 0 ? x - radius - 1 : 0;
    const enter = x + radius < last ? x + radius : last;
    const beyond = x + radius + 1 < last ? x + radius + 1 : last;
    sum += input[enter]! - input[leave]!;
    const bulk = sum * centre + (input[leave]! + input[beyond]!) * edge;
    // Up to 2^41: exact in a double, but too large for a 32-bit shift.
    output[x] = Math.floor((bulk + (1 << 23)) / (1 << 24));
  }
}
