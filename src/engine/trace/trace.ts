/**
 * Traces a graph by running a function of the model over the tracing backend.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { EmpSslError, messageOf } from "../../common/errors.ts";
import type { Precision } from "../engine.ts";
import { TRACE_BACKEND, TraceBackend } from "./backend.ts";
import type { ReplicaSettings } from "./collectives.ts";
import type { GraphBuilder } from "./graph.ts";
import { registerTraceKernels } from "./kernels.ts";
import { DType } from "./messages.ts";

let backend: TraceBackend | undefined;

/** How a graph is traced. */
export interface TraceSettings {
  /** Number format of convolutions, dense layers and the operations between. */
  precision: Precision;
  /** Whether Winograd convolutions are faster on the device: on a CPU they are. */
  winograd?: boolean;
  /** Channels that a stem's input is zero-padded to, which a GPU may be faster with. */
  stemChannels?: number;
  /**
   * Whether all activations are stored for the backward pass, if there is memory
   * for them, instead of recomputing some.
   */
  keepsAll?: boolean;
  /** Whether patches are fed as floats, to compare with other programs. */
  floats?: boolean;
  /**
   * Whether patches are copied to the device by a separate session run, which may
   * overlap with the previous step.
   */
  staged?: boolean;
  /** The replicas, if several train together. */
  replicas?: ReplicaSettings;
}

function tracer(): TraceBackend {
  if (backend === undefined) {
    const made = backend = new TraceBackend();
    tf.registerBackend(TRACE_BACKEND, () => made, 0);
    registerTraceKernels(made);
  }
  return backend;
}

/**
 * Runs a function over the tracing backend.
 *
 * @returns The graph.
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE`, naming the kernel, if the model
 * uses one that cannot be traced.
 */
export function trace(
  { precision, winograd, stemChannels, keepsAll }: TraceSettings,
  build: (graph: GraphBuilder, backend: TraceBackend) => void,
): GraphBuilder {
  const own = tracer();
  const before = tf.getBackend();
  const computeType = precision === "bf16" ? DType.bfloat16 : DType.float;
  own.begin({ computeType, winograd: !!winograd, stemChannels }, keepsAll);
  tf.setBackend(TRACE_BACKEND);
  try {
    tf.tidy(() => build(own.graph, own));
    return own.graph;
  } catch (error) {
    const kernel = /Kernel '(\w+)' not registered/.exec(messageOf(error));
    if (kernel === null) throw error;
    throw new EmpSslError({
      action: "trace",
      subject: `kernel ${kernel[1]}`,
      found: "it has no counterpart in the tracer",
      remedy: "add it to engine/trace/kernels.ts",
      code: "ENGINE_UNAVAILABLE",
      cause: error,
    });
  } finally {
    if (before) tf.setBackend(before);
  }
}
