/**
 * Invariance: how well the patches of one image agree.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";

/**
 * The mean over patches and images of the cosine between the embedding of a
 * patch and z̄, the mean over the patches of its image. The gradient flows
 * through z̄ too.
 *
 * @param z `n×b×d`, rows of length 1.
 * @param mean z̄, `b×d`, of all patches, of which z may hold only some.
 * @returns A scalar in [−1, 1], to be maximised.
 */
export function invariance(
  z: tf.Tensor,
  mean: tf.Tensor,
): tf.Tensor {
  const dot = tf.sum(tf.mul(z, mean), -1);
  const squares = tf.sum(tf.square(mean), -1);
  return tf.mean(tf.div(dot, tf.sqrt(tf.maximum(squares, 1e-16))));
}
