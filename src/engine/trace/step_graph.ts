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
import { Collectives } from "./collectives.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { accumulatorOf, momentumOf, NODES, prefixOf } from "./names.ts";
import { trace, type TraceSettings } from "./trace.ts";
import {
  after,
  assign,
  clear,
  declare,
  tensorsOf,
  type Variable,
} from "./variables.ts";

/** The patches as the network takes them, from bytes or from floats. */
function patchInput(backend: TraceBackend, patches: GraphValue): tf.Tensor {
  if (patches.dtype !== DType.uint8) return backend.tensor(patches);
  return normalizeBytes(
    backend.tensor(backend.graph.cast(patches, DType.float)),
  );
}

function patchFeed(
  graph: GraphBuilder,
  shape: number[],
  floats = false,
): GraphValue {
  return floats
    ? graph.placeholder(NODES.floats, DType.float, shape)
    : graph.placeholder(NODES.bytes, DType.uint8, shape);
}

/** What the parts of a graph share. */
interface Context {
  graph: GraphBuilder;
  backend: TraceBackend;
  variables: Map<string, Variable>;
  collectives?: Collectives;
}

/** A replica's part of a graph that trains. */
interface Part {
  graph: GraphBuilder;
  backend: TraceBackend;
  /** How it meets the others, where there are others. */
  collectives?: Collectives;
  /** Its images. */
  images: number;
  /** What this process feeds, its own share of it in `patches`. */
  feed: GraphValue;
  patches: GraphValue;
  rate: GraphValue;
  /** Which micro-batch is fed, where there are some. */
  part?: GraphValue;
  /** Over 0 where this process wants to stop. */
  stop?: GraphValue;
}

/** The images of one replica out of those that a process is fed with. */
function shareOf(
  graph: GraphBuilder,
  feed: GraphValue,
  { patches, images, at }: { patches: number; images: number; at: number },
): GraphValue {
  const [rows, ...sides] = feed.shape;
  if (rows === patches * images) return feed;
  const byPatch = graph.reshape(feed, [patches, rows / patches, ...sides]);
  const zeros = sides.map(() => 0), size = [patches, images, ...sides];
  const share = graph.value(
    "Slice",
    [
      byPatch,
      graph.ints([0, at * images, ...zeros]),
      graph.ints(size),
    ],
    size,
    { Index: attr.type(DType.int32) },
  );
  return graph.reshape(share, [patches * images, ...sides]);
}

/**
 * Traces a training graph: one part, or one for each replica of this process on
 * its device.
 *
 * @param patches Patches of an image that go through the network at a time.
 */
function traceParts(
  { images, patchSize }: TrainerOptions,
  settings: TraceSettings & { patches: number; inParts?: boolean },
  tracePart: (part: Part) => void,
): GraphBuilder {
  const { replicas, patches, inParts, floats } = settings;
  const sides = [patchSize, patchSize, 3];
  return trace(settings, (graph, backend) => {
    const share = images / (replicas?.count ?? 1);
    const own = replicas?.own.length ?? 1;
    graph.place = { prefix: "", device: replicas?.host };
    const feed = patchFeed(graph, [patches * share * own, ...sides], floats);
    const rate = graph.placeholder(NODES.learningRate, DType.float, []);
    const part = inParts
      ? graph.placeholder(NODES.part, DType.int32, [])
      : undefined;
    const common = { graph, backend, images: share, feed, rate, part };
    if (replicas === undefined) {
      tracePart({ ...common, patches: feed });
      return;
    }
    const stop = graph.placeholder(NODES.stop, DType.float, []);
    for (const [at, { device, slot }] of replicas.own.entries()) {
      graph.place = { prefix: prefixOf(at), device: replicas.host };
      const wanted = shareOf(graph, feed, { patches, images: share, at });
      graph.place = { prefix: prefixOf(at), device };
      const collectives = new Collectives(graph, backend, replicas, slot);
      tracePart({ ...common, patches: wanted, stop, collectives });
    }
  });
}

/** The gradients of the whole batch, from those of a replica's share of it. */
function ofAllReplicas(
  { graph, collectives }: Context,
  gradients: GraphValue[],
): GraphValue[] {
  if (!collectives) return gradients;
  const wide = gradients.map((value) => graph.cast(value, DType.float));
  return collectives.sumValues(wide);
}

/** The nodes that a step with replicas has besides: who wants to stop. */
function askWhoStops(
  { graph, collectives }: Context,
  stop: GraphValue | undefined,
): string[] {
  if (!collectives || !stop) return [];
  const sum = collectives.sumValue(stop);
  return [after(graph, sum, [], NODES.stopping).name];
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

/** The mean over replicas of their running statistics. */
function meanOfReplicas(
  { graph, collectives }: Context,
  statistics: GraphValue[],
  { replicas }: Scope,
): GraphValue[] {
  // With statistics over all replicas they are alike.
  if (!collectives || replicas) return statistics;
  const share = graph.scalar(1 / collectives.count);
  return collectives.sumValues(statistics).map((sum) =>
    graph.value("Mul", [sum, share], sum.shape)
  );
}

/** The nodes that give variables their values. */
function assignAll(
  { graph, variables }: Context,
  names: string[],
  values: GraphValue[],
): string[] {
  return names.map((name, i) => assign(graph, variables.get(name)!, values[i]));
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
): GraphBuilder {
  const { model, loss, optimizer, patches } = options;
  const specs = tensorSpecs(model);
  const trainable = specs.filter(isTrainable);
  return traceParts(options, { ...settings, patches }, (part) => {
    const { graph, backend, collectives, rate, feed } = part;
    const variables = declare(graph, {
      specs,
      ofTrainable: [momentumOf],
      collectives,
    });
    const tensors = tensorsOf(backend, specs, variables);
    const x = patchInput(backend, part.patches);
    collectives?.begin();

    const together = settings.replicas?.syncBatchNorm ? collectives : undefined;
    const scope = scopeOf(tensors, true, together);
    const parts: tf.Tensor[] = [];
    let gram: GraphValue | undefined;
    const { grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]);
      const z = embed({ ...scope, tensors: own }, x, model);
      const all = collectives?.gatherImages(z, patches) ?? z;
      const losses = empSslLoss(all, { ...loss, patches });
      parts.push(losses.loss, losses.invariance, losses.tcr);
      gram = after(graph, backend.value(losses.gram), [], NODES.gram);
      after(graph, backend.value(all), [], NODES.z);
      return losses.loss as tf.Scalar;
    })(trainable.map(({ name }) => tensors[name]));

    const context = { graph, backend, variables, collectives };
    const gradients = ofAllReplicas(
      context,
      grads.map((gradient) => backend.value(gradient)),
    );
    const statistics = Object.keys(scope.updates);
    const kept = meanOfReplicas(
      context,
      statistics.map((name) => backend.value(scope.updates[name])),
      scope,
    );
    const updates = [
      ...trainable.map(({ name }, i) =>
        optimize(context, name, gradients[i], rate, optimizer)
      ),
      ...assignAll(context, statistics, kept),
      ...askWhoStops(context, part.stop),
    ];
    const outputs = parts.map((part, i) =>
      after(graph, backend.value(part), updates, NODES.losses[i])
    );
    graph.signature("train", [feed, rate], [...outputs, gram!]);
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
): GraphBuilder {
  const { model, loss, optimizer, patches } = options;
  const specs = tensorSpecs(model);
  const trainable = specs.filter(isTrainable);
  const width = model.embedding;
  const parts = patches / settings.patches;
  return traceParts(options, { ...settings, inParts: true }, (replica) => {
    const { graph, backend, collectives, images, rate, feed } = replica;
    const rows = settings.patches * images;
    const variables = declare(graph, {
      collectives,
      specs,
      ofTrainable: [momentumOf, accumulatorOf],
      scratch: {
        [NODES.allZ]: [parts, rows, width],
        [NODES.meanZ]: [images, width],
        [NODES.meanZGradient]: [images, width],
      },
    });
    const context = { graph, backend, variables, collectives };
    const tensors = tensorsOf(backend, specs, variables);
    const x = patchInput(backend, replica.patches);
    const part = replica.part!;
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

    collectives?.begin();
    const together = settings.replicas?.syncBatchNorm ? collectives : undefined;
    const scope = scopeOf(tensors, true, together);
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
    const statistics = Object.keys(scope.updates);
    const passed = statistics.map((name) => backend.value(scope.updates[name]));
    const accumulated = after(
      graph,
      graph.scalar(1),
      [...added, ...assignAll(context, statistics, passed)],
      NODES.accumulated,
    );
    graph.signature("accumulate", [feed, part], [accumulated]);

    collectives?.begin();
    let found: Losses | undefined;
    const [byZ, byMean] = tf.grads((own: tf.Tensor, ownMean: tf.Tensor) => {
      const z = collectives?.gatherImages(own, settings.patches) ?? own;
      const mean = collectives?.gatherImages(ownMean, 1) ?? ownMean;
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

    collectives?.begin();
    const sums = trainable.map(({ name }) =>
      variables.get(accumulatorOf(name))!
    );
    const gradientsOfAll = ofAllReplicas(context, sums.map((s) => s.value));
    const done = trainable.map(({ name }, i) => {
      const gradient = gradientsOfAll[i];
      const update = optimize(context, name, gradient, rate, optimizer);
      return clear(graph, sums[i], [update]);
    });
    done.push(clear(graph, meanZ), clear(graph, meanZGradient));
    if (collectives) {
      const own = statistics.map((name) => variables.get(name)!.value);
      const means = meanOfReplicas(context, own, scope);
      done.push(...assignAll(context, statistics, means));
    }
    done.push(...askWhoStops(context, replica.stop));
    const applied = after(graph, graph.scalar(1), done, NODES.applied);
    graph.signature("apply", [rate], [applied]);
  });
}

/**
 * Traces the step that some options ask for: at once, or in micro-batches.
 *
 * @param options The model and the whole batch.
 * @param settings How to trace it.
 */
export function traceStep(
  options: TrainerOptions,
  settings: TraceSettings,
): GraphBuilder {
  const { microBatch } = options;
  return microBatch === undefined
    ? traceTrainer(options, settings)
    : traceMicroBatchTrainer(options, { ...settings, patches: microBatch });
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
    const feed = patchFeed(graph, shape, settings.floats);
    const x = patchInput(backend, feed);
    const y = encode(scopeOf(tensors, false), x, model);
    const mean = tf.mean(tf.reshape(y, [patches, images, model.hidden]), 0);
    const output = after(graph, backend.value(mean), [], NODES.features);
    graph.signature("encode", [feed], [output]);
  }).finish();
}
