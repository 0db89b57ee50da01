/**
 * Batch norm over the images of all replicas, as
 * `torch.nn.SyncBatchNorm` has it.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { BATCH_NORM_EPSILON, type BatchNormResult } from "./kernels.ts";
import type { Replicas } from "./replicas.ts";

/** Sums of tensors of one shape over the replicas, in one message. */
function sums(replicas: Replicas, tensors: tf.Tensor[]): tf.Tensor[] {
  const total = replicas.sum(tf.stack(tensors));
  const [channels] = tensors[0].shape;
  return tensors.map((_, i) =>
    tf.reshape(tf.slice(total, [i, 0], [1, channels]), [channels])
  );
}

/**
 * Batch norm in training mode with the statistics of all replicas' images.
 *
 * Forward, m and v are the mean of x and of (x − m)² over all replicas. Backward,
 * with x̂ = (x − m)/√(v + ε) and N values a channel in all:
 *
 *     dx = scale/√(v + ε) · (dy − Σdy/N − x̂ · Σ(dy·x̂)/N)
 *
 * where both sums go over all replicas; those for scale and offset stay the
 * replica's own, since its gradients are added up later like any other.
 *
 * @param x `N×H×W×C`: the same number of images on every replica.
 * @param scale `C`.
 * @param offset `C`.
 */
export function syncBatchNorm(
  x: tf.Tensor,
  scale: tf.Tensor,
  offset: tf.Tensor,
  replicas: Replicas,
): BatchNormResult {
  const axes = [0, 1, 2];
  const { count } = replicas;
  const values = count * x.size / x.shape[3]!;
  let statistics: tf.Tensor[] = [];
  const operation = tf.customGrad(
    (input, weight, bias, save) => {
      const [x, scale, offset] = [input, weight, bias] as tf.Tensor4D[];
      const own = tf.mean(x, axes);
      const [sum] = sums(replicas, [own]);
      const mean = tf.div(sum, count);
      // About the common mean, so that nothing large is subtracted.
      const spread = tf.mean(tf.square(tf.sub(x, mean)), axes);
      const variance = tf.div(sums(replicas, [spread])[0], count);
      const y = tf.batchNorm(
        x,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        offset as unknown as tf.Tensor1D,
        scale as unknown as tf.Tensor1D,
        BATCH_NORM_EPSILON,
      );
      const unbiased = tf.mul(variance, values / (values - 1));
      statistics = [tf.keep(mean), tf.keep(unbiased)];
      (save as tf.GradSaveFunc)([x, scale, mean, variance]);
      const gradFunc = (dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[]) =>
        backward(dy as tf.Tensor, saved, values, replicas);
      return { value: y, gradFunc };
    },
  );
  const y = operation(x, scale, offset);
  return { y, mean: statistics[0], variance: statistics[1] };
}

function backward(
  dy: tf.Tensor,
  [x, scale, mean, variance]: tf.Tensor[],
  values: number,
  replicas: Replicas,
): tf.Tensor[] {
  const axes = [0, 1, 2];
  const inverse = tf.div(1, tf.sqrt(tf.add(variance, BATCH_NORM_EPSILON)));
  const offsetGradient = tf.sum(dy, axes);
  const scaleGradient = tf.mul(
    tf.sum(tf.mul(dy, tf.sub(x, mean)), axes),
    inverse,
  );
  const [sum, sumOfProducts] = sums(replicas, [offsetGradient, scaleGradient]);
  // dx = a·dy + b·x + c, so that each value is visited once.
  const a = tf.mul(scale, inverse);
  const b = tf.neg(tf.mul(tf.mul(a, inverse), tf.div(sumOfProducts, values)));
  const c = tf.neg(tf.add(tf.mul(a, tf.div(sum, values)), tf.mul(b, mean)));
  const dx = tf.add(tf.add(tf.mul(dy, a), tf.mul(x, b)), c);
  return [dx, scaleGradient, offsetGradient];
}
