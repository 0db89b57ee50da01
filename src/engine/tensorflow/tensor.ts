/**
 * Converts arrays to TensorFlow's tensors and back.
 *
 * @module
 */
import { bytesOf } from "../../common/files.ts";
import { DType } from "../trace/messages.ts";
import type { TensorFlowC } from "./c_api.ts";

/** The values of a feed. */
export type Feed = Float32Array | Int32Array | Uint8Array | Uint16Array;

/** The element type of an array. */
export function dtypeOf(values: Feed): number {
  if (values instanceof Uint8Array) return DType.uint8;
  if (values instanceof Uint16Array) return DType.uint16;
  return values instanceof Int32Array ? DType.int32 : DType.float;
}

/**
 * Memory of the library as an array, without a copy: valid only until that
 * memory is freed.
 */
export function bytesAt(
  memory: Deno.PointerValue,
  length: number,
): Uint8Array<ArrayBuffer> {
  return memory === null || length === 0
    ? new Uint8Array()
    : new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(memory, length));
}

/**
 * Creates a tensor with a copy of some values.
 *
 * @param shape The tensor's dimensions.
 */
export function copyToTensor(
  c: TensorFlowC,
  dtype: number,
  shape: readonly number[],
  values: ArrayBufferView,
): Deno.PointerValue {
  const bytes = bytesOf(values);
  const tensor = c.TF_AllocateTensor(
    dtype,
    BigInt64Array.from(shape, BigInt),
    shape.length,
    BigInt(bytes.length),
  );
  bytesAt(c.TF_TensorData(tensor), bytes.length).set(bytes);
  return tensor;
}

/** The bytes of a tensor, copied; the tensor is freed. */
export function takeTensor(
  c: TensorFlowC,
  tensor: Deno.PointerValue,
): ArrayBuffer {
  const length = Number(c.TF_TensorByteSize(tensor));
  const copy = bytesAt(c.TF_TensorData(tensor), length).slice();
  c.TF_DeleteTensor(tensor);
  return copy.buffer;
}
