/**
 * tfjs's own backends and gradient functions, for the engines without TensorFlow.
 * The versions are pinned only here.
 *
 * @module
 */

/** Registers tfjs's gradient functions and its plain JavaScript backend, `cpu`. */
export async function importTfjs(): Promise<void> {
  await import("npm:@tensorflow/tfjs@4.22.0");
}

/** Registers the WebAssembly backend, `wasm`. */
export async function importWasm(): Promise<void> {
  await import("npm:@tensorflow/tfjs-backend-wasm@4.22.0");
}

/** Registers the WebGPU backend, `webgpu`. */
export async function importWebgpu(): Promise<void> {
  await import("npm:@tensorflow/tfjs-backend-webgpu@4.22.0");
}
