/**
 * Loads the TensorFlow engine into this thread.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { makeNodeBackend } from "../../deps/tfjs_node.ts";
import { codeOf, EmpSslError, messageOf } from "../../common/errors.ts";
import type {
  EngineReport,
  EngineWish,
  Precision,
  PrecisionChoice,
} from "../engine.ts";
import { whyUnsupportedCpu } from "../setup/cpu.ts";
import { hasGpuWheels, hasNvidiaGpu } from "../setup/wheels.ts";
import {
  chosenVariant,
  installedLibraries,
  type InstalledLibrary,
} from "../setup/locate.ts";
import { openTensorFlow, type TensorFlowC } from "./c_api.ts";
import { EagerBinding } from "./eager_binding.ts";
import { preloadCuda, whyNoGpu } from "./cuda.ts";
import {
  cpuXla,
  gpuSharers,
  keepBatchNormsInPlace,
  otherThreads,
  seesGpus,
  setEnvironment,
} from "./environment.ts";
import { fasterPrecision, isFasterByXla } from "./faster.ts";
import { GraphEngine } from "./graph_engine.ts";
import { withoutStderr } from "./quiet.ts";
import { ReplicaGroup } from "./replica_group.ts";
import { engineConfig, type SessionConfig } from "./session_config.ts";

/** The part of an `EngineWish` that TensorFlow uses. */
type Wish = Pick<EngineWish, "threads" | "cluster" | "xla">;

/** The library and eager binding that this process has loaded. */
let loaded: { path: string; binding: EagerBinding } | undefined;

/** Creates the eager context and tfjs's backend on it, once for each process. */
async function loadBackend(
  library: InstalledLibrary,
  c: TensorFlowC,
  config: SessionConfig,
): Promise<EagerBinding> {
  if (loaded?.path === library.path) {
    // Another engine may have been loaded into this thread since.
    await tf.setBackend("tensorflow");
    return loaded.binding;
  }
  const binding = withoutStderr(() => new EagerBinding(c, config));
  const backend = await makeNodeBackend(binding);
  tf.registerBackend("tensorflow", () => backend, 10);
  await tf.setBackend("tensorflow");
  await tf.ready();
  loaded = { path: library.path, binding };
  return binding;
}

async function loadFrom(
  library: InstalledLibrary,
  c: TensorFlowC,
  choice: PrecisionChoice,
  { threads, cluster, xla = "auto" }: Wish,
): Promise<GraphEngine> {
  const wantsGpu = library.variant === "gpu";
  const wanted = { threads, xla: xla === "on" };
  const binding = await loadBackend(
    library,
    c,
    engineConfig({ ...wanted, gpu: wantsGpu }),
  );
  // The variant with CUDA runs on the CPU where there is no usable GPU.
  const gpu = binding.isUsingGpuDevice();
  const config = engineConfig({ ...wanted, gpu });
  if (choice === "tf32" && !gpu) throw noTf32();
  const target = { config };
  const precision = choice === "auto"
    ? gpuName(await fasterPrecision(c, target, gpu), gpu)
    : choice;
  if (gpu) keepBatchNormsInPlace(precision);
  // On a CPU, XLA's code is slower than oneDNN's: it is off unless requested. In fp32 it
  // might round products to TF32 on a GPU.
  if (xla === "auto" && gpu && precision !== "fp32") {
    config.xla = await isFasterByXla(c, config, precision);
  }
  const onCpu = gpu ? undefined : cpuXla(xla === "on");
  const replicas = cluster &&
    await ReplicaGroup.start(c, { wish: cluster, gpu, config });
  const report: EngineReport = {
    engine: "tensorflow",
    version: binding.TF_Version,
    device: gpu ? "GPU" : "CPU",
    precision,
    xla: onCpu?.xla ?? config.xla,
    memoryBytes: gpu ? binding.gpuMemory() / gpuSharers() : undefined,
    library: library.path,
    replicas: replicas &&
      { own: replicas.devices.length, count: replicas.count },
    warning: [
      wantsGpu && !gpu ? whyNoGpu(library.path) : unusedGpu(library),
      replicas?.warning,
      otherThreads(threads),
      onCpu?.warning,
    ].filter(Boolean).join("; ") || undefined,
  };
  const close = () => binding[Symbol.dispose]();
  return new GraphEngine({ report, c, target, precision, replicas, close });
}

/**
 * Loads TensorFlow.
 *
 * @param choice `auto` is bf16 if it is measured to be faster, else tf32 on a GPU
 * and fp32 on a CPU.
 * @param wish Threads, XLA, and the replicas that train together.
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE` if no library is installed or none
 * can be loaded; `INVALID_ARGUMENT` if the replicas or tf32 are not possible.
 */
export async function loadTensorFlow(
  choice: PrecisionChoice = "auto",
  wish: Wish = {},
): Promise<GraphEngine> {
  const reasons: string[] = [];
  const unsupported = whyUnsupportedCpu();
  if (unsupported !== undefined) {
    throw loadError(unsupported, undefined, "take --engine webgpu or wasm");
  }
  const best = chosenVariant() === "cpu"
    ? ["cpu", "gpu"] as const
    : ["gpu", "cpu"] as const;
  for (const library of await installedLibraries(best)) {
    let c: TensorFlowC, rounding: string | undefined;
    try {
      const gpu = library.variant === "gpu" && hasNvidiaGpu() && seesGpus();
      if (gpu) preloadCuda(library.path);
      rounding = setEnvironment({ gpu, precision: choice, xla: wish.xla });
      c = withoutStderr(() => openTensorFlow(library.path));
    } catch (error) {
      reasons.push(messageOf(error));
      continue;
    }
    // No fallback from here on: two TensorFlow libraries in one process crash it.
    const engine = await loadFrom(library, c, choice, wish).catch(unavailable);
    const { report } = engine;
    const warnings = [...reasons, report.warning, rounding].filter(Boolean);
    report.warning = warnings.join("; ") || undefined;
    return engine;
  }
  throw loadError(reasons.join("; ") || "it is not set up");
}

/** A hint where a GPU is not used since TensorFlow for the CPU is set up. */
function unusedGpu({ variant }: InstalledLibrary): string | undefined {
  const isUnused = variant === "cpu" && chosenVariant() === undefined &&
    hasGpuWheels() && hasNvidiaGpu();
  return isUnused
    ? "TensorFlow for the CPU is used, and there is an NVIDIA GPU " +
      "(`deno task setup --variant gpu` sets it up with CUDA)"
    : undefined;
}

/** On a GPU, fp32 that `auto` chose is called tf32: GPUs with TF32 round to it. */
function gpuName(precision: "fp32" | "bf16", gpu: boolean): Precision {
  return gpu && precision === "fp32" ? "tf32" : precision;
}

function noTf32(): EmpSslError {
  return new EmpSslError({
    action: "compute",
    subject: "in tf32",
    found: "it needs an NVIDIA GPU, and there is none here",
    remedy: "take --precision fp32",
    code: "INVALID_ARGUMENT",
  });
}

function loadError(
  found: string,
  cause?: unknown,
  remedy = "run `deno task setup`",
): EmpSslError {
  return new EmpSslError({
    action: "load",
    subject: "the TensorFlow engine",
    found,
    remedy,
    code: "ENGINE_UNAVAILABLE",
    cause,
  });
}

/**
 * Rethrows an EmpSslError; throws any other error as `ENGINE_UNAVAILABLE`.
 * Packages in Deno's cache have the file permissions that they were published
 * with: some are readable only by the user who downloaded them.
 */
export function unavailable(error: unknown): never {
  if (codeOf(error)) throw error;
  const denied = (error as { code?: unknown } | undefined)?.code === "EACCES";
  throw denied
    ? loadError(
      `${messageOf(error).replace(/\.$/, "")} (permission denied)`,
      error,
      "make Deno's cache readable for this user, as its owner: " +
        "`chmod -R a+rX` on the folder that `deno info` names first",
    )
    : loadError(messageOf(error), error);
}
