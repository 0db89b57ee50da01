/**
 * Total coding rate (TCR): how much space the embeddings of a batch fill.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { logDeterminant } from "./kernels.ts";

/**
 * The mean over patches of R(Z) = ½ log det(I_d + d/(b·eps) ZᵀZ).
 *
 * By Sylvester's identity the determinant is also that of the b×b matrix
 * I_b + d/(b·eps) ZZᵀ, and the smaller of the two is taken: with b = 100 and
 * d = 1,024 it costs d²/b² times less; the gradient is
 * d/(b·eps) (I_b + d/(b·eps) ZZᵀ)⁻¹ Z. The other is for the large batches of
 * many replicas.
 *
 * @param z `n×b×d`: for each patch number, the embeddings of the b images.
 * @param eps The paper's ε²: 0.2.
 * @returns A scalar, to be maximised.
 */
export function totalCodingRate(z: tf.Tensor, eps: number): tf.Tensor {
  const [, b, d] = z.shape as [number, number, number];
  const small = b <= d;
  const gram = tf.matMul(z, z, !small, small);
  const identity = tf.eye(small ? b : d);
  const matrix = tf.add(tf.mul(gram, d / (b * eps)), identity);
  return tf.mul(tf.mean(logDeterminant(matrix)), 0.5);
}
