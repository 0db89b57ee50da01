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
import { EmpSslError, messageOf } from "../../errors.ts";
import { EagerEngine } from "../eager.ts";
import type { Engine } from "../engine.ts";
import { registerTensorFlowKernels } from "./kernels.ts";
import { type LocatedBinding, locateBindings } from "./locate.ts";

/** Quiet logs; on a GPU, memory as it is needed. Before the library loads. */
function setEnvironment(): void {
  for (
    const [name, value] of [
      ["TF_CPP_MIN_LOG_LEVEL", "3"],
      ["TF_FORCE_GPU_ALLOW_GROWTH", "true"],
    ]
  ) {
    if (Deno.env.get(name) === undefined) Deno.env.set(name, value);
  }
}

async function load(located: LocatedBinding): Promise<NodeBackend> {
  const backend = await makeNodeBackend(loadBinding(located.path));
  tf.registerBackend("tensorflow", () => backend, 10);
  registerTensorFlowKernels(backend);
  await tf.setBackend("tensorflow");
  await tf.ready();
  return backend;
}

/**
 * Loads TensorFlow.
 *
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE` where no binding is there or none
 * loads.
 */
export async function loadTensorFlow(): Promise<Engine> {
  setEnvironment();
  const located = await locateBindings(["gpu", "cpu"]);
  const complaints: string[] = [];
  for (const candidate of located) {
    try {
      const backend = await load(candidate);
      const { binding } = backend;
      return new EagerEngine({
        engine: "tensorflow",
        version: binding.TF_Version,
        device: binding.isUsingGpuDevice() ? "GPU" : "CPU",
        precision: "fp32",
        binding: candidate.path,
      }, (bytes, shape) => fromBytes(backend, bytes, shape));
    } catch (error) {
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

/** Bytes as a float tensor: TensorFlow reads them where they lie. */
function fromBytes(
  backend: NodeBackend,
  bytes: Uint8Array,
  shape: number[],
): tf.Tensor {
  const { binding } = backend;
  const dtype = binding.TF_UINT8;
  const id = binding.createTensor(shape, dtype, bytes);
  const type = binding.TF_ATTR_TYPE;
  return tf.tidy(() =>
    backend.executeSingleOutput("Cast", [
      { name: "SrcT", type, value: dtype },
      { name: "DstT", type, value: binding.TF_FLOAT },
      { name: "Truncate", type: binding.TF_ATTR_BOOL, value: false },
    ], [backend.createOutputTensor({ id, shape, dtype })])
  );
}
