/**
 * Features of a split with their labels, row by row.
 *
 * @module
 */

/** `count × width` features. */
export interface Features {
  /** Row-major values. */
  values: Float32Array;
  /** Numbers in a row. */
  width: number;
  /** The class of each row. */
  labels: Int32Array;
}
