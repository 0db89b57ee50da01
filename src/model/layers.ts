/**
 * The layers, as functions of a scope that holds the tensors by name.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { batchNormInference, batchNormTraining } from "./kernels.ts";
import type { Replicas } from "./replicas.ts";
import { syncBatchNorm } from "./sync_batch_norm.ts";

/** Weight of the batch's statistics in the running statistics: PyTorch's default. */
const BATCH_NORM_MOMENTUM = 0.1;

/** What a forward pass reads, and the new running statistics that it computes. */
export interface Scope {
  /** Parameters and running statistics by PyTorch's names. */
  tensors: Record<string, tf.Tensor>;
  /** Whether batch norms use the batch's statistics or the running ones. */
  training: boolean;
  /** In training mode: running statistics after this pass. */
  updates: Record<string, tf.Tensor>;
  /** In training mode: the replicas whose images synchronised batch norms include. */
  replicas?: Replicas;
  /** In eval mode: batch norms are folded into the layers before: see foldedSpecs(). */
  folded?: boolean;
}

/** A scope for one forward pass. */
export function scopeOf(
  tensors: Record<string, tf.Tensor>,
  training: boolean,
  replicas?: Replicas,
): Scope {
  return { tensors, training, updates: {}, replicas };
}

/** Zero padding of the two spatial dimensions of `N×H×W×C`. */
export function padSpatial(x: tf.Tensor, by: number): tf.Tensor {
  return tf.pad(x, [[0, 0], [by, by], [by, by], [0, 0]]);
}

/**
 * Convolution with PyTorch's padding of ⌊side / 2⌋ on every side. TensorFlow's `same`
 * pads differently at strides over 1: there the input is padded explicitly.
 *
 * @param x `N×H×W×in`.
 * @returns `N×⌈H/stride⌉×⌈W/stride⌉×out`.
 */
export function conv(
  scope: Scope,
  name: string,
  x: tf.Tensor,
  stride = 1,
): tf.Tensor {
  const filter = scope.tensors[`${name}.weight`] as tf.Tensor4D;
  const side = filter.shape[0];
  if (stride > 1 && side > 1) {
    const padded = padSpatial(x, side >> 1) as tf.Tensor4D;
    return tf.conv2d(padded, filter, stride, "valid");
  }
  return tf.conv2d(x as tf.Tensor4D, filter, stride, "same");
}

/**
 * Batch norm over all but the last dimension.
 *
 * @param x `N×H×W×C` or `N×C`.
 */
export function batchNorm(scope: Scope, name: string, x: tf.Tensor): tf.Tensor {
  const { tensors } = scope;
  const channels = x.shape[x.shape.length - 1]!;
  const spatial = x.rank === 4 ? x : tf.reshape(x, [-1, 1, 1, channels]);
  const scale = tensors[`${name}.weight`]!, offset = tensors[`${name}.bias`]!;
  const meanName = `${name}.running_mean`, varName = `${name}.running_var`;
  let y: tf.Tensor;
  if (scope.training) {
    const result = scope.replicas
      ? syncBatchNorm(spatial, scale, offset, scope.replicas)
      : batchNormTraining(spatial, scale, offset);
    y = result.y;
    for (
      const [of, batch] of [
        [meanName, result.mean],
        [varName, result.variance],
      ] as const
    ) {
      scope.updates[of] = tf.keep(tf.add(
        tf.mul(tensors[of]!, 1 - BATCH_NORM_MOMENTUM),
        tf.mul(batch, BATCH_NORM_MOMENTUM),
      ));
      batch.dispose();
    }
  } else {
    const mean = tensors[meanName]!, variance = tensors[varName]!;
    y = batchNormInference(spatial, { mean, variance }, scale, offset);
  }
  return x.rank === 4 ? y : tf.reshape(y, x.shape);
}

/**
 * Fully connected layer.
 *
 * @param x `N×in`.
 * @returns `N×out`.
 */
export function linear(scope: Scope, name: string, x: tf.Tensor): tf.Tensor {
  return tf.add(
    tf.matMul(x as tf.Tensor2D, scope.tensors[`${name}.weight`] as tf.Tensor2D),
    scope.tensors[`${name}.bias`]!,
  );
}

/**
 * A convolution and the batch norm after it.
 *
 * @param names The names of the convolution and of the batch norm.
 * @param x `N×H×W×in`.
 */
export function convNorm(
  scope: Scope,
  [name, norm]: [string, string],
  x: tf.Tensor,
  stride = 1,
): tf.Tensor {
  const y = conv(scope, name, x, stride);
  return scope.folded
    ? tf.add(y, scope.tensors[`${name}.bias`]!)
    : batchNorm(scope, norm, y);
}

/** A fully connected layer and the batch norm after it. */
export function linearNorm(
  scope: Scope,
  [name, norm]: [string, string],
  x: tf.Tensor,
): tf.Tensor {
  const y = linear(scope, name, x);
  return scope.folded ? y : batchNorm(scope, norm, y);
}
