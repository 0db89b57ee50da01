/**
 * Half precision, in which weights take half the room.
 *
 * @module
 */

/** The bytes of some numbers as IEEE binary16, rounded to nearest. */
export function halfBytes(values: Float32Array): Uint8Array {
  return new Uint8Array(Float16Array.from(values).buffer);
}

/** The bytes of some numbers as they are. */
function floatBytes(values: Float32Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = values;
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/**
 * How weights are kept: in fp16 only large tensors are cast: only they gain by
 * it; batch norms and biases stay as they are.
 */
export function keptBytes(
  values: Float32Array,
  shape: readonly number[],
  precision: "fp32" | "fp16",
): { half: boolean; bytes: Uint8Array } {
  const half = precision === "fp16" && shape.length > 1;
  return { half, bytes: half ? halfBytes(values) : floatBytes(values) };
}
