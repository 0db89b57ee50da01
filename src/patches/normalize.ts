/**
 * What turns the numbers of a patch into what the network takes: torchvision's
 * `ToTensor` and `Normalize`. The engine does it, on its device.
 *
 * @module
 */

/** Mean and deviation, of numbers from 0 to 1: one for all channels, or each. */
export interface Normalization {
  /** Is taken away. */
  mean: readonly number[];
  /** Divides the rest. */
  std: readonly number[];
}

/** What the numbers of patches are, and how the network takes them. */
export interface PatchValues {
  /** Bits of each number: 8 where it is not given. */
  bits?: 8 | 16;
  /** Half and half where it is not given: the paper's, from −1 to 1. */
  normalize?: Normalization;
}

/**
 * How the numbers of a patch are scaled: x · scale − offset, by channel or for all.
 *
 * @example Bytes as the paper takes them
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

/** The numbers of a patch as the network takes them. */
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
