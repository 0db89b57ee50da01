/**
 * The model's interface to data parallelism: each replica has the same weights and
 * other images of the batch.
 *
 * @module
 */
import type * as tf from "../deps/tfjs.ts";

/** The replicas that train together. */
export interface Replicas {
  /** How many there are. */
  readonly count: number;
  /**
   * All-reduce: the sum of a tensor over the replicas. It defines no gradient; the
   * caller computes the backward pass.
   */
  allReduce(x: tf.Tensor): tf.Tensor;
  /**
   * All-gather: the tensors of all replicas, concatenated along the first axis. It
   * defines no gradient.
   */
  allGather(x: tf.Tensor): tf.Tensor;
}
