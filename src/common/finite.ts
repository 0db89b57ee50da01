/**
 * Finds NaN and infinity.
 *
 * @module
 */

/**
 * Whether all values are finite.
 *
 * @example
 * ```ts
 * import { allFinite } from "./finite.ts";
 *
 * console.assert(allFinite(Float32Array.of(1, -2)));
 * console.assert(!allFinite(Float32Array.of(1, NaN)));
 * ```
 */
export function allFinite(values: Float32Array): boolean {
  // 0 · NaN and 0 · ∞ are NaN.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += 0 * values[i]!;
  return sum === 0;
}
