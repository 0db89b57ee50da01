/**
 * The graphs of the trainer and of the encoder: the functions of `src/model/`
 * run once over the tracing backend.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { EmpSslError, messageOf } from "../../errors.ts";
import { embed, encode, normalizeBytes } from "../../model/encoder.ts";
import { larsGradient, type OptimizerConfig } from "../../model/lars.ts";
import { type Scope, scopeOf } from "../../model/layers.ts";
import { empSslLoss } from "../../model/loss.ts";
import { isTrainable, tensorSpecs } from "../../model/parameters.ts";
import type { Precision, TrainerOptions } from "../engine.ts";
import { TRACE_BACKEND, TraceBackend } from "./backend.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import type { KernelSettings } from "./kernel.ts";
import { registerTraceKernels } from "./kernels.ts";
import { DType } from "./messages.ts";
import { accumulatorOf, momentumOf, NODES } from "./names.ts";
import { after, declare, tensorsOf, type Variable } from "./variables.ts";

let backend: TraceBackend | undefined;
let kernels: KernelSettings = { heavy: DType.float, winograd: false };

/** How a graph is traced. */
export interface TraceSettings {
  /** Number format of the heavy operations. */
  precision: Precision;
  /** Whether the device gains by Winograd's convolutions: a processor does. */
  winograd?: boolean;
  /** Whether patches are fed as floats: for comparing with other programs. */
  floats?: boolean;
}

function tracer(): TraceBackend {
  if (backend === undefined) {
    const made = backend = new TraceBackend();
    tf.registerBackend(TRACE_BACKEND, () => made, 0);
    registerTraceKernels(made, () => kernels);
  }
  return backend;
}

/**
 * Runs a function over the tracing backend.
 *
 * @returns The SavedModel's bytes.
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE`, naming the kernel, where the
 * model uses one that cannot be traced.
 */
function trace(
  { precision, winograd }: TraceSettings,
  build: (graph: GraphBuilder, backend: TraceBackend) => void,
): Uint8Array {
  const own = tracer();
  const before = tf.getBackend();
  own.begin();
  kernels = {
    heavy: precision === "bf16" ? DType.bfloat16 : DType.float,
    winograd: !!winograd,
  };
  tf.setBackend(TRACE_BACKEND);
  try {
    tf.tidy(() => build(own.graph, own));
    return own.graph.finish();
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

/** The patches, fed as bytes or as floats. */
function patchInput(
  graph: GraphBuilder,
  backend: TraceBackend,
  shape: number[],
  floats: boolean,
): { feed: GraphValue; x: tf.Tensor } {
  if (floats) {
    const feed = graph.placeholder(NODES.floats, DType.float, shape);
    return { feed, x: backend.tensor(feed) };
  }
  const feed = graph.placeholder(NODES.bytes, DType.uint8, shape);
  const cast = backend.tensor(graph.cast(feed, DType.float));
  return { feed, x: normalizeBytes(cast) };
}

/** What the parts of a graph share. */
interface Context {
  graph: GraphBuilder;
  backend: TraceBackend;
  variables: Map<string, Variable>;
}

/**
 * LARS, and SGD as `torch.optim.SGD(nesterov=True)`: buffer ← m·buffer + g, then
 * p ← p − lr·(g + m·buffer).
 *
 * @returns The node that makes the update.
 */
function optimize(
  { graph, backend, variables }: Context,
  name: string,
  gradient: GraphValue,
  rate: GraphValue,
  optimizer: OptimizerConfig,
): string {
  const scaled = larsGradient(
    backend.tensor(variables.get(name)!.value),
    backend.tensor(graph.cast(gradient, DType.float)),
    backend.tensor(rate),
    optimizer,
  );
  return graph.node("ResourceApplyMomentum", [
    variables.get(name)!.handle,
    variables.get(momentumOf(name))!.handle,
    rate,
    backend.value(scaled),
    graph.scalar(optimizer.momentum),
  ], {
    T: attr.type(DType.float),
    use_locking: attr.bool(false),
    use_nesterov: attr.bool(true),
  });
}

/** The nodes that keep the running statistics of a pass. */
function assignStatistics(
  { graph, backend, variables }: Context,
  scope: Scope,
): string[] {
  return Object.entries(scope.updates).map(([name, tensor]) =>
    graph.node("AssignVariableOp", [
      variables.get(name)!.handle,
      backend.value(tensor),
    ], { dtype: attr.type(DType.float) })
  );
}

/**
 * Traces one optimisation step: forward, loss, backward, LARS, SGD, running
 * statistics. Signatures: `restore/…`, `zero`, `read`, `train`.
 *
 * @param options The model and the batch.
 * @param settings How to trace it.
 */
export function traceTrainer(
  options: TrainerOptions,
  settings: TraceSettings,
): Uint8Array {
  const { model, loss, optimizer, patches, images, patchSize } = options;
  const specs = tensorSpecs(model);
  const trainable = specs.filter(isTrainable);
  return trace(settings, (graph, backend) => {
    const variables = declare(graph, specs, [momentumOf]);
    const tensors = tensorsOf(backend, specs, variables);
    const shape = [patches * images, patchSize, patchSize, 3];
    const { feed, x } = patchInput(graph, backend, shape, !!settings.floats);
    const rate = graph.placeholder(NODES.learningRate, DType.float, []);

    const scope = scopeOf(tensors, true);
    const parts: tf.Tensor[] = [];
    const { grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]);
      const z = embed({ ...scope, tensors: own }, x, model);
      const losses = empSslLoss(z, { ...loss, patches });
      parts.push(losses.loss, losses.invariance, losses.tcr);
      after(graph, backend.value(z), [], NODES.z);
      return losses.loss as tf.Scalar;
    })(trainable.map(({ name }) => tensors[name]));

    const context = { graph, backend, variables };
    const updates = [
      ...trainable.map(({ name }, i) =>
        optimize(context, name, backend.value(grads[i]), rate, optimizer)
      ),
      ...assignStatistics(context, scope),
    ];
    const outputs = parts.map((part, i) =>
      after(graph, backend.value(part), updates, NODES.losses[i])
    );
    graph.signature("train", [feed, rate], outputs);
  });
}

/**
 * Traces a step that is taken in micro-batches, with the exact gradient of the
 * loss over the whole batch (GradCache: Gao, Zhang, Han and Callan, arXiv
 * 2101.06983): embed each micro-batch, take the loss and its gradient by the
 * embeddings over all of them, then run each micro-batch again with its share
 * of that gradient. Batch norms see one micro-batch at a time, as under the
 * authors' DataParallel.
 *
 * Signatures: `restore/…`, `zero`, `read`, `embed`, `loss`, `accumulate`, `apply`.
 *
 * @param options The model and the whole batch.
 * @param settings As for {@linkcode traceTrainer}; `patches` is how many of the
 * patches of each image make a micro-batch.
 */
export function traceMicroBatchTrainer(
  options: TrainerOptions,
  settings: TraceSettings & { patches: number },
): Uint8Array {
  const { model, loss, optimizer, patches, images, patchSize } = options;
  const specs = tensorSpecs(model);
  const trainable = specs.filter(isTrainable);
  return trace(settings, (graph, backend) => {
    const variables = declare(graph, specs, [momentumOf, accumulatorOf]);
    const context = { graph, backend, variables };
    const tensors = tensorsOf(backend, specs, variables);
    const rows = settings.patches * images;
    const shape = [rows, patchSize, patchSize, 3];
    const { feed, x } = patchInput(graph, backend, shape, !!settings.floats);
    const rate = graph.placeholder(NODES.learningRate, DType.float, []);
    const dz = graph.placeholder(NODES.zGradient, DType.float, [
      rows,
      model.embedding,
    ]);
    const allZ = graph.placeholder(NODES.allZ, DType.float, [
      patches * images,
      model.embedding,
    ]);

    const scope = scopeOf(tensors, true);
    let z: GraphValue | undefined;
    const gradients = tf.grads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]);
      const embedded = embed({ ...scope, tensors: own }, x, model);
      z = after(graph, backend.value(embedded), [], NODES.z);
      return embedded;
    })(trainable.map(({ name }) => tensors[name]), backend.tensor(dz));
    graph.signature("embed", [feed], [z!]);

    const added = trainable.map(({ name }, i) =>
      graph.node("AssignAddVariableOp", [
        variables.get(accumulatorOf(name))!.handle,
        graph.cast(backend.value(gradients[i]), DType.float),
      ], { dtype: attr.type(DType.float) })
    );
    const accumulated = after(
      graph,
      graph.scalar(1),
      [...added, ...assignStatistics(context, scope)],
      NODES.accumulated,
    );
    graph.signature("accumulate", [feed, dz], [accumulated]);

    const parts: GraphValue[] = [];
    const [byZ] = tf.grads((all: tf.Tensor) => {
      const losses = empSslLoss(all, { ...loss, patches });
      [losses.loss, losses.invariance, losses.tcr].forEach((part, i) =>
        parts.push(after(graph, backend.value(part), [], NODES.losses[i]))
      );
      return losses.loss;
    })([backend.tensor(allZ)]);
    const gradient = after(graph, backend.value(byZ), [], NODES.allZGradient);
    graph.signature("loss", [allZ], [...parts, gradient]);

    const cleared = trainable.map(({ name, shape }) => {
      const sum = variables.get(accumulatorOf(name))!;
      const update = optimize(context, name, sum.value, rate, optimizer);
      const zeros = graph.node("Fill", [
        graph.ints(shape),
        graph.scalar(0),
        `^${update}`,
      ], { T: attr.type(DType.float), index_type: attr.type(DType.int32) });
      return graph.node("AssignVariableOp", [sum.handle, zeros], {
        dtype: attr.type(DType.float),
      });
    });
    const applied = after(graph, graph.scalar(1), cleared, NODES.applied);
    graph.signature("apply", [rate], [applied]);
  });
}

/**
 * Traces the features of patches in eval mode, averaged over the patches of an
 * image. Signatures: `restore/…`, `read`, `encode`.
 */
export function traceEncoder(
  options: Pick<TrainerOptions, "model" | "images" | "patches" | "patchSize">,
  settings: TraceSettings,
): Uint8Array {
  const { model, images, patches, patchSize } = options;
  const specs = tensorSpecs(model);
  return trace(settings, (graph, backend) => {
    const variables = declare(graph, specs);
    const tensors = tensorsOf(backend, specs, variables);
    const shape = [patches * images, patchSize, patchSize, 3];
    const { feed, x } = patchInput(graph, backend, shape, !!settings.floats);
    const y = encode(scopeOf(tensors, false), x, model);
    const mean = tf.mean(tf.reshape(y, [patches, images, model.hidden]), 0);
    const output = after(graph, backend.value(mean), [], NODES.features);
    graph.signature("encode", [feed], [output]);
  });
}
