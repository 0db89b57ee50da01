/**
 * What the graphs that train have in common: what they are fed with, a part for
 * each replica, the update.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { normalizeBytes } from "../../model/encoder.ts";
import { larsGradient, type OptimizerConfig } from "../../model/lars.ts";
import type { Scope } from "../../model/layers.ts";
import type { TrainerOptions } from "../engine.ts";
import type { TraceBackend } from "./backend.ts";
import { Collectives } from "./collectives.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { momentumOf, NODES, prefixOf } from "./names.ts";
import { trace, type TraceSettings } from "./trace.ts";
import { after, assign, type Variable } from "./variables.ts";

/** The patches as the network takes them, from bytes or from floats. */
export function patchInput(
  backend: TraceBackend,
  patches: GraphValue,
): tf.Tensor {
  if (patches.dtype !== DType.uint8) return backend.tensor(patches);
  return normalizeBytes(
    backend.tensor(backend.graph.cast(patches, DType.float)),
  );
}

/** The placeholder of the patches: bytes, or floats. */
export function patchFeed(
  graph: GraphBuilder,
  shape: number[],
  floats = false,
): GraphValue {
  return floats
    ? graph.placeholder(NODES.floats, DType.float, shape)
    : graph.placeholder(NODES.bytes, DType.uint8, shape);
}

/** What the parts of a graph share. */
export interface Context {
  graph: GraphBuilder;
  backend: TraceBackend;
  variables: Map<string, Variable>;
  collectives?: Collectives;
}

/** A replica's part of a graph that trains. */
export interface Part {
  graph: GraphBuilder;
  backend: TraceBackend;
  /** How it meets the others, where there are others. */
  collectives?: Collectives;
  /** The same, where batch norms take the statistics of all replicas. */
  synced?: Collectives;
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
export function traceParts(
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
      const synced = replicas.syncBatchNorm ? collectives : undefined;
      tracePart({ ...common, patches: wanted, stop, collectives, synced });
    }
  });
}

/** The gradients of the whole batch, from those of a replica's share of it. */
export function ofAllReplicas(
  { graph, collectives }: Context,
  gradients: GraphValue[],
): GraphValue[] {
  if (!collectives) return gradients;
  const wide = gradients.map((value) => graph.cast(value, DType.float));
  return collectives.sumValues(wide);
}

/** The nodes that a step with replicas has besides: who wants to stop. */
export function askWhoStops(
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
export function optimize(
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
export function meanOfReplicas(
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
export function assignAll(
  { graph, variables }: Context,
  names: string[],
  values: GraphValue[],
): string[] {
  return names.map((name, i) => assign(graph, variables.get(name)!, values[i]));
}
