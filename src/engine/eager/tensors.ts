/**
 * Copies a model's tensors between JavaScript and a tfjs backend.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { normalizePatches } from "../../model/encoder.ts";
import type { PatchValues } from "../../patches/normalize.ts";
import type { State, TensorSpec } from "../../model/tensors.ts";

/** Tensors on the device by PyTorch's names. */
export type Tensors = Record<string, tf.Tensor>;

/** Puts a state on the device. */
export function upload(specs: TensorSpec[], state: State): Tensors {
  return Object.fromEntries(specs.map(({ name, shape }) => [
    name,
    tf.keep(tf.tensor(state.get(name)!, shape, "float32")),
  ]));
}

/** Reads a state back. */
export async function download(tensors: Tensors): Promise<State> {
  const state: State = new Map();
  for (const [name, tensor] of Object.entries(tensors)) {
    state.set(name, await tensor.data<"float32">() as Float32Array);
  }
  return state;
}

/**
 * The network's input: integer patches are normalised, floats are taken as they
 * are.
 */
export function patchTensor(
  values: Uint8Array | Float32Array,
  shape: number[],
  how: PatchValues = {},
): tf.Tensor {
  if (values instanceof Float32Array) return tf.tensor(values, shape);
  const { buffer, byteOffset, byteLength } = values;
  const numbers = how.bits === 16 // 16-bit values arrive as bytes
    ? new Uint16Array(buffer, byteOffset, byteLength / 2)
    : values;
  return tf.tidy(() =>
    normalizePatches(tf.tensor(Float32Array.from(numbers), shape), how)
  );
}
