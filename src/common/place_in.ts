/**
 * Finds which of several consecutive segments contains a position.
 *
 * @module
 */

/** The end of each segment: the cumulative sum of the sizes. */
export function endsOf(sizes: ArrayLike<number>): Float64Array {
  const ends = new Float64Array(sizes.length);
  for (let i = 0, end = 0; i < ends.length; i++) ends[i] = end += sizes[i]!;
  return ends;
}

/**
 * The index of the segment that contains a position: of the first end greater than it.
 *
 * @example The third image is the first of the second segment
 * ```ts
 * import { endsOf, placeIn } from "./place_in.ts";
 *
 * console.assert(placeIn(endsOf([2, 3]), 2) === 1);
 * ```
 */
export function placeIn(ends: Float64Array, position: number): number {
  let low = 0, high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The start of a segment. */
export function startIn(ends: Float64Array, place: number): number {
  return place === 0 ? 0 : ends[place - 1]!;
}
