/**
 * Batch norm over the images of all replicas, as `torch.nn.SyncBatchNorm`.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import {
  BATCH_NORM_EPSILON,
  batchNormInference,
  type BatchNormResult,
  frozenBatchNormGradients,
  localStatistics,
  type Statistics,
} from "./kernels.ts";
import type { Replicas } from "./replicas.ts";

/** Sums of tensors of one shape over the replicas, in one all-reduce. */
function sums(replicas: Replicas, tensors: tf.Tensor[]): tf.Tensor[] {
  const total = replicas.allReduce(tf.stack(tensors));
  const [channels] = tensors[0]!.shape;
  return tensors.map((_, i) =>
    tf.reshape(tf.slice(total, [i, 0], [1, channels]), [channels])
  );
}

/**
 * The statistics over all replicas from each replica's own, in one all-gather: the
 * mean of the means, and the mean of the variances plus the variance of the means
 * (Chan, Golub and LeVeque, 1979), which avoids cancellation. The variance is biased.
 */
function commonStatistics(
  x: tf.Tensor,
  replicas: Replicas,
): Statistics {
  const { count } = replicas;
  const own = localStatistics(x);
  const channels = own.mean.size, values = x.size / channels;
  const biased = tf.mul(own.variance, (values - 1) / values);
  const all = tf.reshape(
    replicas.allGather(tf.stack([own.mean, biased])),
    [count, 2, channels],
  );
  const part = (at: number) =>
    tf.reshape(
      tf.slice(all, [0, at, 0], [count, 1, channels]),
      [count, channels],
    );
  const means = part(0), mean = tf.mean(means, 0);
  const between = tf.mean(tf.square(tf.sub(means, mean)), 0);
  return { mean, variance: tf.add(tf.mean(part(1), 0), between) };
}

/**
 * Batch norm in training mode with the statistics of all replicas' images.
 *
 * Backward, with m and v the mean and the variance of x over all replicas,
 * x̂ = (x − m)/√(v + ε) and N values per channel over all replicas:
 *
 *     dx = scale/√(v + ε) · (dy − Σdy/N − x̂ · Σ(dy·x̂)/N)
 *
 * where both sums go over all replicas. The gradients of scale and offset are this
 * replica's sums only, since all gradients are all-reduced later. The first term is
 * the gradient of a batch norm with constant statistics; the other two together have
 * the form of a batch norm of x. All tensors of the size of x are therefore read and
 * written in the type of x, bfloat16 or float32.
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
  const values = replicas.count * x.size / scale.size;
  let kept: Statistics | undefined;
  const operation = tf.customGrad((...args) => {
    const [x, scale, offset] = args as tf.Tensor[] as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const save = args[3] as tf.GradSaveFunc;
    const { mean, variance } = commonStatistics(x, replicas);
    const unbiased = tf.mul(variance, values / (values - 1));
    kept = { mean: tf.keep(mean), variance: tf.keep(unbiased) };
    save([x, scale, mean, variance]);
    return {
      value: batchNormInference(x, { mean, variance }, scale, offset),
      gradFunc: (dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[]) => {
        const [x, scale, mean, variance] = saved as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const statistics = { mean, variance };
        const own = frozenBatchNormGradients(dy as tf.Tensor, {
          x,
          scale,
          ...statistics,
        });
        const [sum, sumOfProducts] = sums(replicas, [own.offset, own.scale]);
        const factor = tf.div(
          scale,
          tf.mul(tf.sqrt(tf.add(variance, BATCH_NORM_EPSILON)), -values),
        );
        const throughStatistics = batchNormInference(
          x,
          statistics,
          tf.mul(factor, sumOfProducts!),
          tf.mul(factor, sum!),
        );
        return [tf.add(own.x, throughStatistics), own.scale, own.offset];
      },
    };
  });
  const y = operation(x, scale, offset);
  return { y, ...kept! };
}
