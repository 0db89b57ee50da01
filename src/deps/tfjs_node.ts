/**
 * `@tensorflow/tfjs-node-gpu`: its backend, its kernels and its TensorBoard
 * summaries, without its native binding, which our own replaces
 * (`engine/tensorflow/eager_binding.ts`).
 *
 * @module
 */
import nodeUtil from "node:util";
import type * as tf from "./tfjs.ts";

/** A tensor that the binding holds. */
export interface TensorMetadata {
  /** Its id in the binding. */
  id: number;
  /** Its shape. */
  shape: number[];
  /** One of the binding's `TF_*` types. */
  dtype: number;
}

/** An attribute of an operation. */
export interface OpAttr {
  /** Its name. */
  name: string;
  /** One of the binding's `TF_ATTR_*` kinds. */
  type: number;
  /** A value of that kind, or an array of them. */
  value: unknown;
}

/** The part of the package's `TFJSBinding` that its backend calls. */
export interface Binding {
  /** Makes a tensor from an array, or from the bytes of strings. */
  createTensor(
    shape: number[],
    dtype: number,
    values: ArrayBufferView | Uint8Array[],
  ): number;
  /** Frees a tensor. */
  deleteTensor(id: number): void;
  /** Copies the values of a tensor. */
  tensorDataSync(id: number): ArrayBufferView | Uint8Array[];
  /** Runs one operation. */
  executeOp(
    name: string,
    attributes: OpAttr[],
    inputs: number[],
    outputs: number,
  ): TensorMetadata[];
  /** How many tensors it holds. */
  getNumOfTensors(): number;
  /** Whether operations run on a GPU. */
  isUsingGpuDevice(): boolean;
  /** TensorFlow's own version. */
  readonly TF_Version: string;
}

/** Restores functions that the package calls and newer versions of Node lack. */
function patchUtil(): void {
  const util = nodeUtil as unknown as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value == null;
  util.isArray ??= Array.isArray;
}

/** Makes the package's backend on a binding, with its kernels registered. */
export async function makeNodeBackend(
  binding: Binding,
): Promise<tf.KernelBackend> {
  patchUtil();
  const { NodeJSKernelBackend } = await import(
    "npm:@tensorflow/tfjs-node-gpu@4.22.0/dist/nodejs_kernel_backend.js"
  );
  await import(
    "npm:@tensorflow/tfjs-node-gpu@4.22.0/dist/register_all_kernels.js"
  );
  return new NodeJSKernelBackend(
    // deno-lint-ignore no-explicit-any -- the package's own, wider type
    binding as any,
    "@tensorflow/tfjs-node-gpu",
  ) as unknown as tf.KernelBackend;
}

/** Writes event files for TensorBoard. */
export interface SummaryWriter {
  /** One number of one step. */
  scalar(name: string, value: number, step: number): void;
  /** Flushes to the disk. */
  flush(): void;
}

/** Begins an event file in a folder; the package's backend must be loaded. */
export async function summaryWriter(dir: string): Promise<SummaryWriter> {
  const { summaryFileWriter } = await import(
    "npm:@tensorflow/tfjs-node-gpu@4.22.0/dist/tensorboard.js"
  );
  return summaryFileWriter(dir);
}
