/**
 * The native binding of `@tensorflow/tfjs-node-gpu` on TensorFlow's C library:
 * the interface of the package's C++ addon (`tfjs_backend.cc`), through Deno's
 * FFI, so that nothing has to be compiled. The package's backend, kernels and
 * TensorBoard summaries run on this binding unchanged.
 *
 * @module
 */
import type { Binding, OpAttr, TensorMetadata } from "../../deps/tfjs_node.ts";
import { bytesOf } from "../../common/files.ts";
import { ATTRIBUTES, nameBytes, setAttribute } from "./op_attributes.ts";
import { DType } from "../trace/messages.ts";
import { cString, type TensorFlowC, versionOf } from "./c_api.ts";
import { readDevices } from "./devices.ts";
import { encodeSessionConfig, type SessionConfig } from "./session_config.ts";
import { withStatus } from "./status.ts";
import { bytesAt, copyToTensor, takeTensor } from "./tensor.ts";

/** Bytes of a `TF_TString`. */
const STRING_BYTES = 24;

/** The array type in which a tensor's bytes are read. */
const ARRAYS: Record<number, new (buffer: ArrayBuffer) => ArrayBufferView> = {
  [DType.float]: Float32Array,
  [DType.complex64]: Float32Array,
  [DType.int32]: Int32Array,
  [DType.int64]: BigInt64Array,
  [DType.bool]: Uint8Array,
  [DType.uint8]: Uint8Array,
  [DType.resource]: Uint8Array,
};

interface Held {
  handle: Deno.PointerValue;
  /** The number of strings to free, of a string tensor that was created here. */
  strings: number;
}

/** See the module's description. */
export class EagerBinding implements Binding, Disposable {
  readonly TF_FLOAT = DType.float;
  readonly TF_INT32 = DType.int32;
  readonly TF_UINT8 = DType.uint8;
  readonly TF_STRING = DType.string;
  readonly TF_COMPLEX64 = DType.complex64;
  readonly TF_INT64 = DType.int64;
  readonly TF_BOOL = DType.bool;
  readonly TF_RESOURCE = DType.resource;
  readonly TF_ATTR_STRING = ATTRIBUTES.TF_ATTR_STRING;
  readonly TF_ATTR_INT = ATTRIBUTES.TF_ATTR_INT;
  readonly TF_ATTR_FLOAT = ATTRIBUTES.TF_ATTR_FLOAT;
  readonly TF_ATTR_BOOL = ATTRIBUTES.TF_ATTR_BOOL;
  readonly TF_ATTR_TYPE = ATTRIBUTES.TF_ATTR_TYPE;
  readonly TF_ATTR_SHAPE = ATTRIBUTES.TF_ATTR_SHAPE;
  readonly TF_ATTR_RESOURCE = ATTRIBUTES.TF_ATTR_RESOURCE;
  readonly TF_Version: string;
  #c: TensorFlowC;
  #context: Deno.PointerValue;
  /** The name of the GPU that tensors are copied to, if there is one. */
  #gpu: Uint8Array<ArrayBuffer> | undefined;
  #gpuMemory: number;
  #tensors = new Map<number, Held>();
  #next = 0;

  /**
   * Creates an eager context.
   *
   * @param config Its devices and threads.
   * @throws {TensorFlowError} If TensorFlow rejects the configuration.
   */
  constructor(c: TensorFlowC, config: SessionConfig) {
    this.#c = c;
    this.TF_Version = versionOf(c);
    const options = c.TFE_NewContextOptions();
    try {
      const bytes = encodeSessionConfig(config), length = BigInt(bytes.length);
      withStatus(
        c,
        (status) =>
          c.TFE_ContextOptionsSetConfig(options, bytes, length, status),
      );
      this.#context = withStatus(
        c,
        (status) => c.TFE_NewContext(options, status),
      );
    } finally {
      c.TFE_DeleteContextOptions(options);
    }
    const list = withStatus(
      c,
      (status) => c.TFE_ContextListDevices(this.#context, status),
    );
    const gpus = readDevices(c, list).filter(({ type }) => type === "GPU");
    this.#gpu = gpus[0] && cString(gpus[0].name);
    this.#gpuMemory = Math.min(...gpus.map(({ memoryBytes }) => memoryBytes));
  }

  /** Frees all tensors and the context. */
  [Symbol.dispose](): void {
    for (const id of [...this.#tensors.keys()]) this.deleteTensor(id);
    this.#c.TFE_DeleteContext(this.#context);
    this.#context = null;
  }

  #keep(handle: Deno.PointerValue, strings = 0): number {
    this.#tensors.set(this.#next, { handle, strings });
    return this.#next++;
  }

  #held(id: number): Held {
    const held = this.#tensors.get(id);
    if (held === undefined) throw new Error(`there is no tensor ${id}`);
    return held;
  }

  /** Whether operations run on a GPU. */
  isUsingGpuDevice(): boolean {
    return this.#gpu !== undefined;
  }

  /** Memory of the smallest GPU that TensorFlow may use, in bytes. */
  gpuMemory(): number {
    return this.#gpuMemory;
  }

  /** How many tensors exist. */
  getNumOfTensors(): number {
    return this.#tensors.size;
  }

  /**
   * Creates a tensor from an array, or a string tensor from the bytes of each
   * string. For int64, each element is two elements of an Int32Array.
   */
  createTensor(
    shape: number[],
    dtype: number,
    values: ArrayBufferView | Uint8Array[],
  ): number {
    const c = this.#c;
    const tensor = Array.isArray(values)
      ? this.#stringTensor(shape, values)
      : copyToTensor(c, dtype, shape, values);
    let handle: Deno.PointerValue;
    try {
      handle = withStatus(c, (status) => c.TFE_NewTensorHandle(tensor, status));
    } finally {
      c.TF_DeleteTensor(tensor);
    }
    if (Array.isArray(values)) return this.#keep(handle, values.length);
    // GPU kernels expect int32 tensors, which are shapes and axes, in host memory.
    const device = dtype === DType.int32 ? undefined : this.#gpu;
    return this.#keep(device ? this.#copyTo(device, handle) : handle);
  }

  #copyTo(device: Uint8Array<ArrayBuffer>, handle: Deno.PointerValue) {
    const c = this.#c;
    try {
      return withStatus(
        c,
        (status) =>
          c.TFE_TensorHandleCopyToDevice(handle, this.#context, device, status),
      );
    } finally {
      c.TFE_DeleteTensorHandle(handle);
    }
  }

  #stringTensor(shape: number[], values: Uint8Array[]): Deno.PointerValue {
    const c = this.#c;
    const tensor = c.TF_AllocateTensor(
      DType.string,
      BigInt64Array.from(shape, BigInt),
      shape.length,
      BigInt(values.length * STRING_BYTES),
    );
    const data = c.TF_TensorData(tensor)!;
    values.forEach((value, i) => {
      const place = Deno.UnsafePointer.offset(data, i * STRING_BYTES);
      c.TF_StringInit(place);
      c.TF_StringCopy(place, value.slice(), BigInt(value.length));
    });
    return tensor;
  }

  /** Frees a tensor. */
  deleteTensor(id: number): void {
    const c = this.#c, { handle, strings } = this.#held(id);
    if (strings > 0) {
      const tensor = withStatus(
        c,
        (status) => c.TFE_TensorHandleResolve(handle, status),
      );
      const data = c.TF_TensorData(tensor)!;
      for (let i = 0; i < strings; i++) {
        c.TF_StringDealloc(Deno.UnsafePointer.offset(data, i * STRING_BYTES));
      }
      c.TF_DeleteTensor(tensor);
    }
    c.TFE_DeleteTensorHandle(handle);
    this.#tensors.delete(id);
  }

  /** A copy of a tensor's values; of a string tensor, the bytes of each string. */
  tensorDataSync(id: number): ArrayBufferView | Uint8Array[] {
    const c = this.#c, { handle } = this.#held(id);
    const tensor = withStatus(
      c,
      (status) => c.TFE_TensorHandleResolve(handle, status),
    );
    const dtype = c.TF_TensorType(tensor);
    if (dtype === DType.string) return this.#takeStrings(tensor);
    const data = takeTensor(c, tensor), View = ARRAYS[dtype];
    if (View === undefined) throw new Error(`no array for type ${dtype}`);
    return new View(data);
  }

  #takeStrings(tensor: Deno.PointerValue): Uint8Array[] {
    const c = this.#c, data = c.TF_TensorData(tensor);
    const count = Number(c.TF_TensorByteSize(tensor)) / STRING_BYTES;
    const strings = Array.from({ length: count }, (_, i) => {
      const place = Deno.UnsafePointer.offset(data!, i * STRING_BYTES);
      const length = Number(c.TF_StringGetSize(place));
      return bytesAt(c.TF_StringGetDataPointer(place), length).slice();
    });
    c.TF_DeleteTensor(tensor);
    return strings;
  }

  /**
   * Runs one operation.
   *
   * @param outputs How many outputs it has.
   * @throws {TensorFlowError} With TensorFlow's message.
   */
  executeOp(
    name: string,
    attributes: OpAttr[],
    inputs: number[],
    outputs: number,
  ): TensorMetadata[] {
    const c = this.#c;
    const op = withStatus(
      c,
      (status) => c.TFE_NewOp(this.#context, nameBytes(name), status),
    );
    const results = new BigUint64Array(Math.max(1, outputs));
    const count = Int32Array.of(outputs);
    try {
      // All calls share one status, which each of them overwrites.
      withStatus(c, (status) => {
        for (const attribute of attributes) {
          setAttribute(c, op, attribute, status);
          if (c.TF_GetCode(status) !== 0) return;
        }
        for (const id of inputs) {
          c.TFE_OpAddInput(op, this.#held(id).handle, status);
          if (c.TF_GetCode(status) !== 0) return;
        }
        c.TFE_Execute(op, results, bytesOf(count), status);
      });
    } finally {
      c.TFE_DeleteOp(op);
    }
    return Array.from(results.subarray(0, count[0]), (address) => {
      const handle = Deno.UnsafePointer.create(address);
      return withStatus(c, (status) => {
        const rank = c.TFE_TensorHandleNumDims(handle, status);
        const shape = Array.from(
          { length: rank },
          (_, i) => Number(c.TFE_TensorHandleDim(handle, i, status)),
        );
        const dtype = c.TFE_TensorHandleDataType(handle);
        return { id: this.#keep(handle), dtype, shape };
      });
    });
  }
}
