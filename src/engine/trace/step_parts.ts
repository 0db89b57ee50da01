/**
 * The parts that all training graphs share: the inputs, the graph of each replica,
 * the update.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { normalize } from "../../model/encoder.ts";
import { targetOf } from "../../model/methods/target.ts";
import { scalarNames } from "../../model/methods/methods.ts";
import { larsGradient, type OptimizerConfig } from "../../model/lars.ts";
import { isFilter, muonStep } from "../../model/muon.ts";
import type { Scope } from "../../model/layers.ts";
import type { PatchValues } from "../../patches/normalize.ts";
import type { TrainerOptions } from "../engine.ts";
import type { TraceBackend } from "./backend.ts";
import { Collectives } from "./collectives.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { momentumName, NODES, prefixOf, scalarNode } from "./names.ts";
import { trace, type TraceSettings } from "./trace.ts";
import { assign, output, type Variable } from "./variables.ts";

/** The network's input: integers are normalised, floats are taken as they are. */
export function patchInput(
  backend: TraceBackend,
  patches: GraphValue,
  values: PatchValues = {},
): tf.Tensor {
  if (patches.dtype === DType.float) return backend.tensor(patches);
  const numbers = backend.tensor(backend.graph.cast(patches, DType.float));
  return normalize(numbers, values);
}

/** The placeholder of the patches: uint8, uint16 or float. */
export function patchFeed(
  graph: GraphBuilder,
  shape: number[],
  { bits }: PatchValues = {},
  floats = false,
): GraphValue {
  const whole = bits === 16 ? DType.uint16 : DType.uint8;
  return floats
    ? graph.placeholder(NODES.floats, DType.float, shape)
    : graph.placeholder(NODES.bytes, whole, shape);
}

/** What the update of a replica's variables needs. */
export interface UpdateContext {
  graph: GraphBuilder;
  backend: TraceBackend;
  variables: Map<string, Variable>;
  collectives?: Collectives;
}

/** What the graph of one replica is traced from. */
export interface ReplicaGraph {
  graph: GraphBuilder;
  backend: TraceBackend;
  /** The collective operations, if there are other replicas. */
  collectives?: Collectives;
  /** `collectives`, if batch norms are synchronised over the replicas. */
  synced?: Collectives;
  /** How many images of the batch this replica has. */
  images: number;
  /** The patches of its images. */
  patches: GraphValue;
  learningRate: GraphValue;
  /** The method's scalars for a step. */
  scalars: Record<string, GraphValue>;
  /** The index of the current micro-batch, if there are micro-batches. */
  microBatch?: GraphValue;
  /** 1 if this process asks to stop, else 0. */
  stop?: GraphValue;
}

/** The patches of one replica, out of those that its process is fed. */
function sliceOfReplica(
  graph: GraphBuilder,
  feed: GraphValue,
  { patches, images, at }: { patches: number; images: number; at: number },
): GraphValue {
  const [rows, ...sides] = feed.shape as [number, ...number[]];
  if (rows === patches * images) return feed;
  const byPatch = graph.reshape(feed, [patches, rows / patches, ...sides]);
  const zeros = sides.map(() => 0), size = [patches, images, ...sides];
  const slice = graph.slice(byPatch, [0, at * images, ...zeros], size);
  return graph.reshape(slice, [patches * images, ...sides]);
}

/** Patches from a queue on the device, which another session run fills. */
function stagedPatches(graph: GraphBuilder, patches: GraphValue): GraphValue {
  const { dtype, shape } = patches, { prefix } = graph.place;
  const area = {
    dtypes: attr.types([dtype]),
    capacity: attr.int(0),
    memory_limit: attr.int(0),
    container: attr.text(""),
    shared_name: attr.text(`${prefix}patches`),
  };
  const put = graph.node("Stage", [patches], area);
  output(graph, graph.scalar(1), [put], NODES.uploaded);
  const taken = { name: graph.node("Unstage", [], area), dtype, shape };
  // The output of Unstage has no static shape.
  return graph.value("Reshape", [taken, graph.ints(shape)], shape, {
    Tshape: attr.type(DType.int32),
  });
}

/**
 * Traces a training graph: once, or once for each replica of this process, on
 * that replica's device.
 *
 * @param settings `patchesAtOnce`: patches of an image that go through the
 * network at a time; `microBatched`: whether these are a part of its patches.
 */
export function traceReplicas(
  { images, patchSize, model, values }: TrainerOptions,
  settings: TraceSettings & { patchesAtOnce: number; microBatched?: boolean },
  traceReplica: (replica: ReplicaGraph) => void,
): GraphBuilder {
  const { replicas, patchesAtOnce: patches, microBatched, floats } = settings;
  const onDevice = (graph: GraphBuilder, fed: GraphValue) =>
    settings.staged ? stagedPatches(graph, fed) : fed;
  const sides = [patchSize, patchSize, model.channels];
  return trace(settings, (graph, backend) => {
    const ownImages = images / (replicas?.count ?? 1);
    const own = replicas?.own.length ?? 1;
    graph.place = { prefix: "", device: replicas?.host };
    const feed = patchFeed(
      graph,
      [patches * ownImages * own, ...sides],
      values,
      floats,
    );
    const learningRate = graph.placeholder(
      NODES.learningRate,
      DType.float,
      [],
    );
    const microBatch = microBatched
      ? graph.placeholder(NODES.microBatch, DType.int32, [])
      : undefined;
    const scalars = Object.fromEntries(
      scalarNames(model).map((name) => [
        name,
        graph.placeholder(scalarNode(name), DType.float, []),
      ]),
    );
    const inputs = {
      graph,
      backend,
      images: ownImages,
      learningRate,
      scalars,
      microBatch,
    };
    if (replicas === undefined) {
      traceReplica({ ...inputs, patches: onDevice(graph, feed) });
      return;
    }
    const stop = graph.placeholder(NODES.stop, DType.float, []);
    for (const [at, { device, slot }] of replicas.own.entries()) {
      graph.place = { prefix: prefixOf(at), device: replicas.host };
      const slice = { patches, images: ownImages, at };
      const ownPatches = sliceOfReplica(graph, feed, slice);
      graph.place = { prefix: prefixOf(at), device };
      const collectives = new Collectives(graph, backend, replicas, slot);
      const synced = replicas.syncBatchNorm ? collectives : undefined;
      traceReplica({
        ...inputs,
        patches: onDevice(graph, ownPatches),
        stop,
        collectives,
        synced,
      });
    }
  });
}

/** All-reduces a replica's gradients into those of the whole batch. */
export function sumOverReplicas(
  { graph, collectives }: UpdateContext,
  gradients: GraphValue[],
): GraphValue[] {
  if (!collectives) return gradients;
  const wide = gradients.map((value) => graph.cast(value, DType.float));
  return collectives.sumValues(wide);
}

/** The node that counts the replicas whose process asks to stop, if there are any. */
export function countStopRequests(
  { graph, collectives }: UpdateContext,
  stop: GraphValue | undefined,
): string[] {
  if (!collectives || !stop) return [];
  const sum = collectives.sumValue(stop);
  return [output(graph, sum, [], NODES.stopping).name];
}

/**
 * LARS, and SGD as `torch.optim.SGD(nesterov=True)`: buffer ← m·buffer + g, then
 * p ← p − lr·(g + m·buffer); without Nesterov p ← p − lr·buffer. Or Muon.
 *
 * @param optimizer Its constants; `gate` multiplies the gradient: 0 freezes a
 * parameter whose momentum is zero.
 * @returns The node that updates the parameter.
 */
export function optimize(
  { graph, backend, variables }: UpdateContext,
  name: string,
  gradient: GraphValue,
  learningRate: GraphValue,
  { gate, ...optimizer }: OptimizerConfig & { gate?: tf.Tensor },
): string {
  const variable = variables.get(name)!;
  const buffer = variables.get(momentumName(name))!;
  const parameter = backend.tensor(variable.value);
  const g = backend.tensor(graph.cast(gradient, DType.float));
  const rate = backend.tensor(learningRate);
  const { muon: trust } = optimizer;
  if (trust !== undefined && isFilter(parameter)) {
    const options = { ...optimizer, learningRate: rate, trust };
    const momentum = backend.tensor(buffer.value);
    const next = muonStep(parameter, momentum, g, options);
    const kept = assign(graph, buffer, backend.value(next.buffer));
    return assign(graph, variable, backend.value(next.parameter), [kept]);
  }
  const lars = larsGradient(parameter, g, rate, optimizer);
  const scaled = gate ? tf.mul(lars, gate) : lars;
  return graph.node("ResourceApplyMomentum", [
    variable.handle,
    buffer.handle,
    learningRate,
    backend.value(scaled),
    graph.scalar(optimizer.momentum),
  ], {
    T: attr.type(DType.float),
    use_locking: attr.bool(false),
    use_nesterov: attr.bool(optimizer.nesterov ?? true),
  });
}

/** The mean of the batch norm running statistics over the replicas. */
export function meanOverReplicas(
  { graph, collectives }: UpdateContext,
  statistics: GraphValue[],
  { replicas }: Scope,
): GraphValue[] {
  // With synchronised batch norms the replicas have equal statistics.
  if (!collectives || replicas) return statistics;
  const factor = graph.scalar(1 / collectives.count);
  return collectives.sumValues(statistics).map((sum) =>
    graph.value("Mul", [sum, factor], sum.shape)
  );
}

/** The nodes that assign values to variables. */
export function assignAll(
  { graph, variables }: UpdateContext,
  names: string[],
  values: GraphValue[],
): string[] {
  return names.map((name, i) =>
    assign(graph, variables.get(name)!, values[i]!)
  );
}

/**
 * Exponential moving averages: target ← τ·target + (1 − τ)·parameter, computed
 * after the update of the parameters.
 *
 * @param steps The node that updates each parameter.
 * @param tau τ.
 * @returns The nodes that update the targets.
 */
export function followTargets(
  { graph, backend, variables }: UpdateContext,
  steps: Map<string, string>,
  tau: tf.Tensor | undefined,
): string[] {
  return [...steps].flatMap(([name, step]) => {
    const target = variables.get(targetOf(name));
    if (target === undefined) return [];
    const { handle, value } = variables.get(name)!;
    const updated: GraphValue = {
      name: graph.node("ReadVariableOp", [handle, `^${step}`], {
        dtype: attr.type(DType.float),
      }),
      dtype: DType.float,
      shape: value.shape,
    };
    const by = backend.value(tau!);
    const old = graph.value("Mul", [target.value, by], value.shape);
    const rest = graph.value("Sub", [graph.scalar(1), by], []);
    const fresh = graph.value("Mul", [updated, rest], value.shape);
    const sum = graph.value("AddV2", [old, fresh], value.shape);
    return [assign(graph, target, sum)];
  });
}
