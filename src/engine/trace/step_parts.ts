/**
 * The parts that all training graphs share: the inputs, and the graph of each replica.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { normalizePatches } from "../../model/encoder.ts";
import { scalarNames } from "../../model/methods/methods.ts";
import type { PatchValues } from "../../patches/normalize.ts";
import type { TrainerOptions } from "../engine.ts";
import type { TraceBackend } from "./backend.ts";
import { Collectives } from "./collectives.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { NODES, prefixOf, scalarNode } from "./names.ts";
import { trace, type TraceSettings } from "./trace.ts";
import { output } from "./variables.ts";
import { type Variable } from "./variable.ts";

/** The network's input: integers are normalised, floats are taken as they are. */
export function patchInput(
  backend: TraceBackend,
  patches: GraphValue,
  values: PatchValues = {},
): tf.Tensor {
  if (patches.dtype === DType.float) return backend.tensor(patches);
  const numbers = backend.tensor(backend.graph.cast(patches, DType.float));
  return normalizePatches(numbers, values);
}

/** The placeholder of the patches: uint8, uint16 or float. */
export function patchPlaceholder(
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
    const feed = patchPlaceholder(
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
