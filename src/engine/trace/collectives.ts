/**
 * TensorFlow's collective operations (all-reduce, all-gather) between replicas.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import type { Replicas as ModelReplicas } from "../../model/replicas.ts";
import { sizeOf } from "../../model/tensors.ts";
import type { TraceBackend } from "./backend.ts";
import { after, attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { type AttrValue, DType } from "./messages.ts";

/** The replicas that train together, in this process and in others. */
export interface ReplicaSettings {
  /** How many there are in all. */
  count: number;
  /** Those of this process. */
  own: {
    /** Its device, by TensorFlow's full name. */
    device: string;
    /** The position of its rows in an all-gathered tensor. */
    slot: number;
  }[];
  /** The device of the placeholders. */
  host: string;
  /** The algorithm: `ring` on CPUs, `nccl` on GPUs. */
  communication: "ring" | "nccl";
  /** Whether batch norms are synchronised over all replicas. */
  syncBatchNorm: boolean;
  /** The first instance key of the operations; each graph has its own range. */
  instance: number;
}

/** The group key: every operation involves all replicas. */
const GROUP = 1;

/**
 * Size of an all-reduce bucket: large for the network's throughput, small enough
 * for communication to overlap with the backward pass.
 */
const BUCKET_BYTES = 32 * 2 ** 20;

/**
 * The collective operations of one replica. Every replica has to trace the same
 * operations in the same order: they are matched by their instance keys, and each
 * has a control dependency on the one before, since all GPUs need the same order.
 */
export class Collectives implements ModelReplicas {
  #graph: GraphBuilder;
  #backend: TraceBackend;
  #settings: ReplicaSettings;
  #slot: number;
  #instance: number;
  #last: string | undefined;

  /** @param slot See {@linkcode ReplicaSettings.own}. */
  constructor(
    graph: GraphBuilder,
    backend: TraceBackend,
    settings: ReplicaSettings,
    slot: number,
  ) {
    this.#graph = graph;
    this.#backend = backend;
    this.#settings = settings;
    this.#slot = slot;
    this.#instance = settings.instance;
  }

  /** See {@linkcode ModelReplicas.count}. */
  get count(): number {
    return this.#settings.count;
  }

  /** Starts another session run: it does not depend on the operations before. */
  begin(): void {
    this.#last = undefined;
  }

  #collective(
    op: string,
    x: GraphValue,
    shape: number[],
    attributes: Record<string, AttrValue>,
  ): GraphValue {
    const graph = this.#graph;
    const number = (value: number) => graph.constant(DType.int32, [], [value]);
    const previous = after(this.#last === undefined ? [] : [this.#last]);
    const value = graph.value(
      op,
      [
        graph.cast(x, DType.float),
        number(this.count),
        number(GROUP),
        number(++this.#instance),
        ...previous,
      ],
      shape,
      {
        communication_hint: attr.text(this.#settings.communication),
        ...attributes,
      },
    );
    this.#last = value.name;
    return value;
  }

  /** All-reduces a value: its sum over the replicas. */
  sumValue(x: GraphValue): GraphValue {
    return this.#collective("CollectiveReduceV2", x, x.shape, {
      merge_op: attr.text("Add"),
      final_op: attr.text("Id"),
    });
  }

  #gather(x: GraphValue): GraphValue {
    const [rows, ...rest] = x.shape as [number, ...number[]];
    const shape = [rows * this.count, ...rest];
    return this.#collective("CollectiveGatherV2", x, shape, {});
  }

  /** All-reduces many values in a few large buckets. */
  sumValues(values: GraphValue[]): GraphValue[] {
    const sums: GraphValue[] = [];
    let bucket: number[] = [], bytes = 0;
    const flush = () => {
      const parts = this.#sumTogether(bucket.map((i) => values[i]!));
      bucket.forEach((at, i) => sums[at] = parts[i]!);
      bucket = [], bytes = 0;
    };
    // The backward pass computes the last gradients first: they are sent first.
    for (let i = values.length - 1; i >= 0; i--) {
      bucket.push(i);
      bytes += 4 * sizeOf(values[i]!.shape);
      if (bytes >= BUCKET_BYTES || i === 0) flush();
    }
    return sums;
  }

  #sumTogether(values: GraphValue[]): GraphValue[] {
    if (values.length === 1) return [this.sumValue(values[0]!)];
    const graph = this.#graph;
    const sizes = values.map(({ shape }) => sizeOf(shape));
    const total = sizes.reduce((a, b) => a + b);
    const axis = graph.constant(DType.int32, [], [0]);
    const flat = values.map((value) =>
      graph.reshape(graph.cast(value, DType.float), [sizeOf(value.shape)])
    );
    const joined = graph.value("ConcatV2", [...flat, axis], [total], {
      N: attr.int(flat.length),
      Tidx: attr.type(DType.int32),
    });
    const sum = this.sumValue(joined);
    const split = graph.node("SplitV", [sum, graph.ints(sizes), axis], {
      num_split: attr.int(sizes.length),
      T: attr.type(DType.float),
      Tlen: attr.type(DType.int32),
    });
    return values.map(({ shape }, i) => {
      const name = i === 0 ? split : `${split}:${i}`;
      const part = { name, dtype: DType.float, shape: [sizes[i]!] };
      return graph.reshape(part, shape);
    });
  }

  /** See {@linkcode ModelReplicas.allReduce}. */
  allReduce(x: tf.Tensor): tf.Tensor {
    return this.#backend.tensor(this.sumValue(this.#backend.value(x)));
  }

  /** See {@linkcode ModelReplicas.allGather}. */
  allGather(x: tf.Tensor): tf.Tensor {
    return this.#backend.tensor(this.#gather(this.#backend.value(x)));
  }

  /**
   * All-gathers the embeddings of each replica's images into those of the whole
   * batch. The gradient is the slice of the replica's own images: every replica
   * computes the whole loss and backpropagates through its own images only.
   *
   * @param z `(n·s)×d`, patch-major, with s images a replica.
   * @param patches n.
   * @returns `(n·b)×d`, patch-major.
   */
  gatherImages(z: tf.Tensor, patches: number): tf.Tensor {
    const graph = this.#graph, backend = this.#backend;
    const [rows, d] = z.shape as [number, number];
    const ownImages = rows / patches, images = ownImages * this.count;
    const axes = [1, 0, 2];
    const gathered = () => {
      const own = graph.cast(backend.value(z), DType.float);
      const byImage = graph.transpose(
        graph.reshape(own, [patches, ownImages, d]),
        axes,
      );
      const byPatch = graph.transpose(this.#gather(byImage), axes);
      return backend.tensor(graph.reshape(byPatch, [patches * images, d]));
    };
    return tf.customGrad(() => ({
      value: gathered(),
      gradFunc: (dy: tf.Tensor | tf.Tensor[]) => {
        const byPatch = tf.reshape(dy as tf.Tensor, [patches, images, d]);
        const begin = [0, this.#slot * ownImages, 0];
        const own = tf.slice(byPatch, begin, [patches, ownImages, d]);
        return tf.reshape(own, [rows, d]);
      },
    }))(z);
  }
}
