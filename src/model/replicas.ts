/**
 * Data parallelism, as the model sees it: other replicas hold the same weights
 * and other images of the batch.
 *
 * @module
 */
import type * as tf from "../deps/tfjs.ts";

/** The replicas that train together. */
export interface Replicas {
  /** How many there are. */
  readonly count: number;
  /**
   * The sum of a tensor over the replicas. It has no gradient of its own: the
   * caller computes the backward pass.
   */
  sum(x: tf.Tensor): tf.Tensor;
  /**
   * The tensors of all replicas, one after the other along the first axis. It
   * has no gradient of its own.
   */
  gather(x: tf.Tensor): tf.Tensor;
}
