/**
 * Loads tfjs's own backends.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import {
  importTfjs,
  importWasm,
  importWebgpu,
} from "../../deps/tfjs_backends.ts";
import { EmpSslError, messageOf } from "../../common/errors.ts";
import type { Device } from "../engine.ts";
import { EagerEngine } from "./eager_engine.ts";
import { registerEagerKernels } from "./kernels.ts";

/** The engines that are backends of tfjs. */
export type EagerName = "webgpu" | "wasm" | "cpu";

function unavailable(name: string, found: string, cause?: unknown) {
  return new EmpSslError({
    action: "load",
    subject: `the ${name} engine`,
    found,
    remedy: "choose another with --engine",
    code: "ENGINE_UNAVAILABLE",
    cause,
  });
}

/** The adapter that Deno's WebGPU would use; `undefined` if there is none. */
export async function webgpuAdapter(): Promise<
  { name: string; software: boolean } | undefined
> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return undefined;
  const { description, isFallbackAdapter } = adapter.info;
  return { name: description, software: isFallbackAdapter };
}

/** The part of tfjs's WebAssembly backend that is used here. */
interface WasmBackend {
  wasm: { _malloc(bytes: number): number };
}

const guarded = new WeakSet<object>();

/** tfjs does not check whether it got memory, and would write over its own. */
function refuseNoMemory(): void {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  if (guarded.has(wasm)) return;
  guarded.add(wasm);
  // Emscripten puts the function in its place at the first call.
  wasm._malloc(1);
  const malloc = wasm._malloc;
  wasm._malloc = (bytes) => {
    const address = malloc(bytes);
    // Addresses over 2 GiB are negative numbers.
    const isWithin = address !== 0 && (address >>> 0) + bytes <= 2 ** 32;
    if (isWithin || bytes === 0) return address;
    throw new EmpSslError({
      action: "compute with",
      subject: "the wasm engine",
      found: `its 4 GiB are full: ${Math.ceil(bytes / 1e6)} MB more are needed`,
      remedy:
        "give a smaller --micro-batch or --bs, or take --engine tensorflow",
      code: "STEP_FAILED",
    });
  };
}

/**
 * Loads a backend of tfjs into this thread.
 *
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE`.
 */
export async function loadEager(name: EagerName): Promise<EagerEngine> {
  let hardware: Device = "CPU", device = "CPU";
  if (name === "webgpu") {
    const adapter = await webgpuAdapter();
    if (adapter === undefined) {
      throw unavailable(name, "Deno finds no GPU and no Vulkan driver");
    }
    device = adapter.name;
    if (!adapter.software) hardware = "GPU";
  }
  try {
    await importTfjs();
    // Suppresses tfjs's advice to install another backend.
    tf.enableProdMode();
    if (name === "wasm") await importWasm();
    if (name === "webgpu") await importWebgpu();
    if (!await tf.setBackend(name)) {
      throw new Error("tfjs cannot start this backend");
    }
    await tf.ready();
    if (name === "wasm") refuseNoMemory();
  } catch (error) {
    throw unavailable(name, messageOf(error), error);
  }
  registerEagerKernels(name);
  return new EagerEngine({
    engine: name,
    version: `tfjs ${tf.version_core}`,
    device: hardware,
    deviceName: device,
    precision: "fp32",
  });
}
