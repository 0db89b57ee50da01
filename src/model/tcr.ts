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
 * By Sylvester's identity the b×b matrix I_b + d/(b·eps) ZZᵀ has the same determinant;
 * the smaller of the two matrices is used. With b = 100 and d = 1,024 the b×b matrix
 * has d²/b² times fewer entries; the gradient is d/(b·eps) (I_b + d/(b·eps) ZZᵀ)⁻¹ Z.
 * The d×d matrix is smaller in large batches over many replicas.
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
