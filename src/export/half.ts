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
export function floatBytes(values: Float32Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = values;
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
