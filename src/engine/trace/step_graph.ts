/**
 * The graphs of the trainer and of the encoder: the functions of `src/model/`
 * run once over the tracing backend.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { embed, encode, normalizeBytes } from "../../model/encoder.ts";
import { larsGradient, type OptimizerConfig } from "../../model/lars.ts";
import { type Scope, scopeOf } from "../../model/layers.ts";
import { empSslLoss, type Losses } from "../../model/loss.ts";
import { isTrainable, tensorSpecs } from "../../model/parameters.ts";
import type { TrainerOptions } from "../engine.ts";
import type { TraceBackend } from "./backend.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { accumulatorOf, momentumOf, NODES } from "./names.ts";
import { trace, type TraceSettings } from "./trace.ts";
import {
  after,
  assign,
  clear,
  declare,
  tensorsOf,
  type Variable,
} from "./variables.ts";

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
    assign(graph, variables.get(name)!, backend.value(tensor))
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
    const variables = declare(graph, {
      specs,
      ofTrainable: [momentumOf],
    });
    const tensors = tensorsOf(backend, specs, variables);
    const shape = [patches * images, patchSize, patchSize, 3];
    const { feed, x } = patchInput(graph, backend, shape, !!settings.floats);
    const rate = graph.placeholder(NODES.learningRate, DType.float, []);

    const scope = scopeOf(tensors, true);
    const parts: tf.Tensor[] = [];
    let gram: GraphValue | undefined;
    const { grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]);
      const z = embed({ ...scope, tensors: own }, x, model);
      const losses = empSslLoss(z, { ...loss, patches });
      parts.push(losses.loss, losses.invariance, losses.tcr);
      gram = after(graph, backend.value(losses.gram), [], NODES.gram);
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
    graph.signature("train", [feed, rate], [...outputs, gram!]);
  }).finish();
}

/**
 * Traces a step that is taken in micro-batches, with the exact gradient of the
 * loss over the whole batch (GradCache: Gao, Zhang, Han and Callan, arXiv
 * 2101.06983): embed each micro-batch, take the loss and its gradient by the
 * embeddings over all of them, then run each micro-batch again with its share
 * of that gradient. Batch norms see one micro-batch at a time, as under the
 * authors' DataParallel.
 *
 * Embeddings stay in a variable of the graph, a row for each micro-batch, until
 * the gradient takes their place. The loss too is taken a micro-batch at a time,
 * with z̄ given, so that nothing but that variable grows with the patches.
 *
 * Signatures: `restore/…`, `zero`, `read`, `embed`, `loss`, `accumulate`,
 * `apply`.
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
  const rows = settings.patches * images, width = model.embedding;
  const parts = patches / settings.patches;
  return trace(settings, (graph, backend) => {
    const variables = declare(graph, {
      specs,
      ofTrainable: [momentumOf, accumulatorOf],
      scratch: {
        [NODES.allZ]: [parts, rows, width],
        [NODES.meanZ]: [images, width],
        [NODES.meanZGradient]: [images, width],
      },
    });
    const context = { graph, backend, variables };
    const tensors = tensorsOf(backend, specs, variables);
    const shape = [rows, patchSize, patchSize, 3];
    const { feed, x } = patchInput(graph, backend, shape, !!settings.floats);
    const rate = graph.placeholder(NODES.learningRate, DType.float, []);
    const part = graph.placeholder(NODES.part, DType.int32, []);
    const [allZ, meanZ, meanZGradient] = [
      NODES.allZ,
      NODES.meanZ,
      NODES.meanZGradient,
    ].map((name) => variables.get(name)!);

    const float = { dtype: attr.type(DType.float) };
    const ofPart = { ...float, Tindices: attr.type(DType.int32) };
    /** The row of a part. */
    const row = (): GraphValue => ({
      name: graph.node("ResourceGather", [allZ.handle, part], ofPart),
      dtype: DType.float,
      shape: [rows, width],
    });
    const putRow = (value: GraphValue) =>
      graph.node("ResourceScatterUpdate", [allZ.handle, part, value], ofPart);
    const add = ({ handle }: Variable, tensor: tf.Tensor) => {
      const value = graph.cast(backend.value(tensor), DType.float);
      return graph.node("AssignAddVariableOp", [handle, value], float);
    };
    const byPatch = (z: tf.Tensor) =>
      tf.reshape(z, [settings.patches, images, width]);

    const scope = scopeOf(tensors, true);
    // By z itself, and through z̄, of which it is a share.
    const dz = tf.add(
      byPatch(backend.tensor(row())),
      tf.mul(backend.tensor(meanZGradient.value), 1 / patches),
    );
    let z: GraphValue | undefined;
    const gradients = tf.grads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]);
      const embedded = embed({ ...scope, tensors: own }, x, model);
      z = after(graph, backend.value(embedded), [], NODES.z);
      return embedded;
    })(
      trainable.map(({ name }) => tensors[name]),
      tf.reshape(dz, [rows, width]),
    );
    const share = tf.mul(tf.sum(byPatch(backend.tensor(z!)), 0), 1 / patches);
    const kept = [putRow(z!), add(meanZ, share)];
    const embedded = after(graph, graph.scalar(1), kept, NODES.embedded);
    graph.signature("embed", [feed, part], [embedded]);

    const added = trainable.map(({ name }, i) =>
      add(variables.get(accumulatorOf(name))!, gradients[i])
    );
    const accumulated = after(
      graph,
      graph.scalar(1),
      [...added, ...assignStatistics(context, scope)],
      NODES.accumulated,
    );
    graph.signature("accumulate", [feed, part], [accumulated]);

    let found: Losses | undefined;
    const [byZ, byMean] = tf.grads((z: tf.Tensor, mean: tf.Tensor) => {
      const options = { ...loss, patches: settings.patches, mean };
      found = empSslLoss(z, options);
      return tf.mul(found.loss, 1 / parts);
    })([backend.tensor(row()), backend.tensor(meanZ.value)]);
    const taken = [putRow(backend.value(byZ)), add(meanZGradient, byMean)];
    const losses = [found!.loss, found!.invariance, found!.tcr].map((
      part,
      i,
    ) => after(graph, backend.value(part), taken, NODES.losses[i]));
    const gram = after(graph, backend.value(found!.gram), [], NODES.gram);
    graph.signature("loss", [part], [...losses, gram]);

    const cleared = trainable.map(({ name }) => {
      const sum = variables.get(accumulatorOf(name))!;
      const update = optimize(context, name, sum.value, rate, optimizer);
      return clear(graph, sum, [update]);
    });
    cleared.push(clear(graph, meanZ), clear(graph, meanZGradient));
    const applied = after(graph, graph.scalar(1), cleared, NODES.applied);
    graph.signature("apply", [rate], [applied]);
  }).finish();
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
    const variables = declare(graph, { specs });
    const tensors = tensorsOf(backend, specs, variables);
    const shape = [patches * images, patchSize, patchSize, 3];
    const { feed, x } = patchInput(graph, backend, shape, !!settings.floats);
    const y = encode(scopeOf(tensors, false), x, model);
    const mean = tf.mean(tf.reshape(y, [patches, images, model.hidden]), 0);
    const output = after(graph, backend.value(mean), [], NODES.features);
    graph.signature("encode", [feed], [output]);
  }).finish();
}
