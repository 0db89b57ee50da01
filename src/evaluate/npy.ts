/**
 * NumPy's `.npy` format, version 1.0.
 *
 * Source: NEP 1, «A simple file format for NumPy arrays».
 *
 * @module
 */

/** Element types by NumPy's names. */
export type NpyType = "<f4" | "<i4";

/**
 * The head of a file; the values follow it in C order.
 *
 * @example A matrix of floats
 * ```ts
 * import { npyHeader } from "./npy.ts";
 *
 * console.assert(npyHeader("<f4", [2, 3]).length % 64 === 0);
 * ```
 */
export function npyHeader(type: NpyType, shape: number[]): Uint8Array {
  const sides = shape.map((side) => `${side},`).join(" ");
  const text =
    `{'descr': '${type}', 'fortran_order': False, 'shape': (${sides}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const head = new Uint8Array(length).fill(0x20);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(head.buffer).setUint16(8, length - 10, true);
  head.set(new TextEncoder().encode(text), 10);
  head[length - 1] = 0x0a;
  return head;
}
