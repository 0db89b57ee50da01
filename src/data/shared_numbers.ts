/**
 * Arrays of numbers in shared memory: written once, read by all threads.
 *
 * @module
 */

/** Whole numbers under 2³². */
export function sharedUint32(values: ArrayLike<number>): Uint32Array {
  const array = new Uint32Array(new SharedArrayBuffer(4 * values.length));
  array.set(values);
  return array;
}

/** Whole numbers that may be larger, such as offsets in a large file. */
export function sharedFloat64(values: ArrayLike<number>): Float64Array {
  const array = new Float64Array(new SharedArrayBuffer(8 * values.length));
  array.set(values);
  return array;
}
