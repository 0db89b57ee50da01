/**
 * Loads the TensorFlow engine into this thread. Only one thread of a process
 * may do so: the library keeps global state.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import {
  loadBinding,
  makeNodeBackend,
  type NodeBackend,
} from "../../deps/tfjs_node.ts";
import { codeOf, EmpSslError, messageOf } from "../../errors.ts";
import { openTensorFlowC } from "../cluster/c_api.ts";
import { ClusterEngine } from "../cluster/cluster_engine.ts";
import type { EngineWish, PrecisionChoice } from "../engine.ts";
import { fasterPrecision } from "./faster_precision.ts";
import { GraphEngine } from "./graph_engine.ts";
import { libraryPaths, locateBindings, type LocatedBinding } from "./locate.ts";
import { withoutStderr } from "./quiet.ts";

/** Quiet logs; on a GPU, memory as it is needed. Before the library loads. */
function setEnvironment(threads?: number): void {
  if (threads !== undefined) {
    for (const name of ["OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"]) {
      Deno.env.set(name, `${threads}`);
    }
  }
  setDefault("TF_CPP_MIN_LOG_LEVEL", "3");
  setDefault("TF_FORCE_GPU_ALLOW_GROWTH", "true");
}

/** The user's own choice of a variable stays. */
function setDefault(name: string, value: string): void {
  if (Deno.env.get(name) === undefined) Deno.env.set(name, value);
}

async function load(located: LocatedBinding): Promise<NodeBackend> {
  // One operation at a time, on all threads: as fast, and less memory. A GPU's
  // operations only wait for it.
  if (located.variant !== "gpu") setDefault("TF_NUM_INTEROP_THREADS", "1");
  const binding = withoutStderr(() => loadBinding(located.path));
  const backend = await makeNodeBackend(binding);
  tf.registerBackend("tensorflow", () => backend, 10);
  await tf.setBackend("tensorflow");
  await tf.ready();
  return backend;
}

/**
 * Loads TensorFlow.
 *
 * @param choice `auto` is bf16 on a GPU and where it is measured to be faster,
 * fp32 elsewhere.
 * @param options How many threads it may take; the replicas that train together.
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE` where no binding is there or none
 * loads.
 */
export async function loadTensorFlow(
  choice: PrecisionChoice = "auto",
  { threads, cluster }: Pick<EngineWish, "threads" | "cluster"> = {},
): Promise<GraphEngine> {
  setEnvironment(threads);
  const located = await locateBindings(["gpu", "cpu"]);
  const complaints: string[] = [];
  for (const candidate of located) {
    try {
      const { binding } = await load(candidate);
      const gpu = binding.isUsingGpuDevice();
      const precision = choice !== "auto"
        ? choice
        : gpu
        ? "bf16"
        : fasterPrecision(binding);
      const report = {
        engine: "tensorflow",
        version: binding.TF_Version,
        device: gpu ? "GPU" : "CPU",
        precision,
        binding: candidate.path,
      };
      if (cluster === undefined) {
        return new GraphEngine(report, binding, precision);
      }
      const c = openTensorFlowC(libraryPaths(candidate.path));
      const base = { report, binding, precision };
      return await ClusterEngine.start(base, c, cluster, threads);
    } catch (error) {
      if (codeOf(error) === "INVALID_ARGUMENT") throw error;
      complaints.push(`${candidate.path}: ${messageOf(error)}`);
    }
  }
  throw new EmpSslError({
    action: "load",
    subject: "the TensorFlow engine",
    found: complaints.join("; ") || "it is not set up",
    remedy: "run `deno task setup`",
    code: "ENGINE_UNAVAILABLE",
  });
}
