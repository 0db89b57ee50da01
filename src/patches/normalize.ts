/**
 * The normalisation of pixel values: torchvision's `ToTensor` and `Normalize`. The
 * engine applies it on its device.
 *
 * @module
 */

/** Mean and standard deviation of values in [0, 1]: for all channels, or for each. */
export interface Normalization {
  /** The mean, which is subtracted. */
  mean: readonly number[];
  /** The standard deviation, by which the difference is divided. */
  std: readonly number[];
}

/** The bits of pixel values, and how they are normalised. */
export interface PatchValues {
  /** Bits of each value: 8 by default. */
  bits?: 8 | 16;
  /** Mean and std of 0.5 by default, as in the paper: the result is in [−1, 1]. */
  normalize?: Normalization;
}

/**
 * The normalisation as x · scale − offset, for each channel or for all.
 *
 * @example Bytes normalised as in the paper
 * ```ts
 * import { affineOf } from "./normalize.ts";
 *
 * const { scale: [scale], offset: [offset] } = affineOf({});
 * console.assert(255 * scale! - offset! === 1 && 0 * scale! - offset! === -1);
 * ```
 */
export function affineOf(
  { bits = 8, normalize }: PatchValues,
): { scale: number[]; offset: number[] } {
  const most = bits === 16 ? 65535 : 255;
  if (normalize === undefined) return { scale: [2 / most], offset: [1] };
  const { mean, std } = normalize;
  const count = Math.max(mean.length, std.length);
  const channels = Array.from({ length: count }, (_, c) => c);
  const at = (list: readonly number[], c: number) => list[c % list.length]!;
  return {
    scale: channels.map((c) => 1 / (most * at(std, c))),
    offset: channels.map((c) => at(mean, c) / at(std, c)),
  };
}

/** The normalised values of a patch: the network's input. */
export function normalized(
  values: ArrayLike<number>,
  channels: number,
  how: PatchValues,
): Float32Array {
  const { scale, offset } = affineOf(how);
  return Float32Array.from(values, (value, i) => {
    const c = i % channels;
    return value * scale[c % scale.length]! - offset[c % offset.length]!;
  });
}
