/**
 * The objective of EMP-SSL (arXiv 2304.03977, section 3.1).
 *
 * With Z_i the b×d embeddings of patch i of every image, and z̄ their mean over
 * the n patches, the paper maximises
 *
 *     1/n Σᵢ [ R(Zᵢ) + λ D(Zᵢ, Z̄) ]
 *     R(Z) = ½ log det( I + d/(b·ε²) Z Zᵀ )      total coding rate, `tcr.ts`
 *     D(Zᵢ, Z̄) = mean over images of cos(zᵢ, z̄)  invariance, `invariance.ts`
 *
 * The loss that is minimised is the negative of this objective: in a healthy training
 * it is below zero.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { invariance } from "./invariance.ts";
import { totalCodingRate } from "./tcr.ts";

/** Images in the Gram matrix that shows a collapse. */
const SEEN = 256;

/**
 * The Gram matrix Z̄Z̄ᵀ of the first images, whose effective rank shows a collapse.
 *
 * @param mean `b×d`, the mean embedding of each image.
 */
export function gramOf(mean: tf.Tensor): tf.Tensor {
  const [images, d] = mean.shape as [number, number];
  const some = tf.slice(mean, [0, 0], [Math.min(images, SEEN), d]);
  return tf.matMul(some, some, false, true);
}

/** The weights of the two parts. */
export interface LossConfig {
  /** Weight λ of the invariance: 200. */
  patchSim: number;
  /** Weight of the total coding rate: 1. */
  tcr: number;
  /** The paper's ε²: 0.2. */
  eps: number;
}

/** The objective and its parts, scalars, and Z̄Z̄ᵀ, which shows a collapse. */
export interface Losses {
  /** −patchSim · invariance − tcr · TCR. */
  loss: tf.Tensor;
  /** See `invariance.ts`. */
  invariance: tf.Tensor;
  /** See `tcr.ts`. */
  tcr: tf.Tensor;
  /**
   * Z̄Z̄ᵀ, `b×b`: how alike the mean embeddings of the images are; in larger batches
   * of the first 256 images only.
   */
  gram: tf.Tensor;
}

/**
 * The loss of a batch, or of a part of its patches: the loss of the batch is the mean
 * over parts of equal size. The gradient flows through z̄ too.
 *
 * @param z Embeddings, `(n·b)×d`, patch-major: patch 0 of all images first.
 * @param options The weights; n, the number of patches per image in z; and z̄ of all
 * patches, `b×d`, if z holds only some of them.
 */
export function empSslLoss(
  z: tf.Tensor,
  { patches, patchSim, tcr, eps, mean: given }: LossConfig & {
    patches: number;
    mean?: tf.Tensor;
  },
): Losses {
  const [rows, d] = z.shape as [number, number];
  const byPatch = tf.reshape(z, [patches, rows / patches, d]);
  const mean = given ?? tf.mean(byPatch, 0);
  const rate = totalCodingRate(byPatch, eps);
  const similarity = invariance(byPatch, mean);
  const loss = tf.neg(
    tf.add(tf.mul(similarity, patchSim), tf.mul(rate, tcr)),
  );
  return { loss, invariance: similarity, tcr: rate, gram: gramOf(mean) };
}
