/**
 * Half precision, which halves the size of the weights.
 *
 * @module
 */
import { bytesOf } from "../common/files.ts";
import type { ExportPrecision } from "./request.ts";

/** The bytes of some numbers as IEEE binary16, rounded to nearest. */
export function halfBytes(values: Float32Array): Uint8Array {
  return new Uint8Array(Float16Array.from(values).buffer);
}

/**
 * The bytes in which a tensor is stored. With fp16, only tensors of two or more
 * dimensions (weights of layers) are cast; batch norms and biases stay in fp32.
 */
export function keptBytes(
  values: Float32Array,
  shape: readonly number[],
  precision: ExportPrecision,
): { half: boolean; bytes: Uint8Array } {
  const half = precision === "fp16" && shape.length > 1;
  return { half, bytes: half ? halfBytes(values) : bytesOf(values) };
}
