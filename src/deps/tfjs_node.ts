/**
 * `@tensorflow/tfjs-node-gpu`: its kernels and its backend, taken apart from
 * its own loader, so that the native binding may come from anywhere.
 *
 * @module
 */
import nodeModule, { createRequire } from "node:module";
import nodeUtil from "node:util";
import type * as tf from "./tfjs.ts";

/** The version of the package, part of the cache's key. */
export const TFJS_NODE_VERSION = "4.22.0";

/** A tensor that the binding holds. */
export interface TensorMetadata {
  /** The binding's number for it. */
  id: number;
  /** Its shape. */
  shape: number[];
  /** One of the binding's `TF_*` types. */
  dtype: number;
}

/** The native binding: the C functions that the package exports. */
export interface Binding {
  /** Makes a tensor over the array's memory, without a copy where aligned. */
  createTensor(shape: number[], dtype: number, values: ArrayBufferView): number;
  /** Frees one. */
  deleteTensor(id: number): void;
  /** Copies one out. */
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  /** Loads a SavedModel into a session of its own. */
  loadSavedModel(folder: string, tags: string): number;
  /** Closes that session. */
  deleteSavedModel(id: number): void;
  /** Runs a signature: names of nodes, joined by commas. */
  runSavedModel(
    id: number,
    inputs: number[],
    inputNames: string,
    outputNames: string,
  ): TensorMetadata[];
  /** Whether a CUDA device is in use. */
  isUsingGpuDevice(): boolean;
  /** TensorFlow's own version. */
  readonly TF_Version: string;
  /** The number of float32. */
  readonly TF_FLOAT: number;
  /** The number of int32. */
  readonly TF_INT32: number;
  /** The number of uint8. */
  readonly TF_UINT8: number;
}

/** The package's backend for tfjs-core. */
export interface NodeBackend extends tf.KernelBackend {
  /** The native binding. */
  binding: Binding;
}

/** Puts back what the package calls and Node has removed since. */
function patchUtil(): void {
  const util = nodeUtil as unknown as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value == null;
  util.isArray ??= Array.isArray;
}

/** Loads the native binding from a file. */
export function loadBinding(path: string): Binding {
  return createRequire(import.meta.url)(path);
}

/** Makes the package's backend over a binding, with its kernels registered. */
export async function makeNodeBackend(binding: Binding): Promise<NodeBackend> {
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
  ) as unknown as NodeBackend;
}

/** Writes event files for TensorBoard. */
export interface SummaryWriter {
  /** One number of one step. */
  scalar(name: string, value: number, step: number): void;
  /** Sends what is written to the disk. */
  flush(): void;
}

/** Begins an event file in a folder; the package's backend must be loaded. */
export async function summaryWriter(dir: string): Promise<SummaryWriter> {
  const { summaryFileWriter } = await import(
    "npm:@tensorflow/tfjs-node-gpu@4.22.0/dist/tensorboard.js"
  );
  return summaryFileWriter(dir);
}

/**
 * The folder that Deno keeps the package in, with its `binding/*.cc`. Deno has
 * no call for it, so a module of the package is loaded and found again.
 */
export async function packageFolder(): Promise<string> {
  patchUtil();
  await import(
    "npm:@tensorflow/tfjs-node-gpu@4.22.0/dist/nodejs_kernel_backend.js"
  );
  const { _cache } = nodeModule as unknown as {
    _cache: Record<string, unknown>;
  };
  const tail = /[/\\]dist[/\\]nodejs_kernel_backend\.js$/;
  const path = Object.keys(_cache).find((key) => tail.test(key));
  if (path === undefined) throw new Error("tfjs-node-gpu is not in the cache");
  return path.replace(tail, "");
}
