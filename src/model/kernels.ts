/**
 * The kernels that the model needs and tfjs-core does not have. The model calls them
 * by name and defines their gradients; each engine registers an implementation for
 * its backend.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";

/** The names under which engines register the kernels. */
export const KERNELS = {
  /**
   * `{x: N×H×W×C, scale: C, offset: C}`, attribute `epsilon` → `[y, mean,
   * unbiased variance, and three tensors that only the gradient reads]`.
   */
  batchNorm: "EmpBatchNorm",
  /** `{dy, x, scale, reserve1, reserve2, reserve3}` → `[dx, dscale, doffset]`. */
  batchNormGrad: "EmpBatchNormGrad",
  /**
   * `{dy, x, scale, mean, variance}` → `[dx, dscale, doffset]` of a batch norm
   * whose mean and biased variance are constants.
   */
  frozenBatchNormGrad: "EmpFrozenBatchNormGrad",
  /** `{dy, y}` → dy where y > 0, else 0. */
  reluGrad: "EmpReluGrad",
  /** `{x: …×b×b}`, symmetric positive definite → `[log det x, x⁻¹]`. */
  logDeterminant: "EmpLogDeterminant",
  /** `{x}` → the sum of its squares; TensorFlow computes it in one pass. */
  squaredNorm: "EmpSquaredNorm",
} as const;

/** Input tensors of a kernel by name; each operation has only some of them. */
export type KernelInputs<Value> = Record<
  | ("x" | "y" | "a" | "b" | "dy" | "filter" | "input" | "output" | "value")
  | ("scale" | "offset" | "mean" | "variance")
  | ("reserve1" | "reserve2" | "reserve3"),
  Value
>;

/** The epsilon of every batch norm: PyTorch's default. */
export const BATCH_NORM_EPSILON = 1e-5;

function run(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attributes: Record<string, number> = {},
): tf.Tensor[] {
  const output = tf.engine().runKernel(
    name,
    inputs as unknown as tf.NamedTensorMap,
    attributes as unknown as tf.NamedAttrMap,
  ) as unknown as tf.Tensor | tf.Tensor[];
  return Array.isArray(output) ? output : [output];
}

/** The result of batch norm in training mode; the caller disposes the statistics. */
export interface BatchNormResult {
  /** The normalised tensor. */
  y: tf.Tensor;
  /** Mean over the batch, one value per channel. */
  mean: tf.Tensor;
  /** Unbiased variance over the batch, one value per channel. */
  variance: tf.Tensor;
}

/**
 * Batch norm with the statistics of the batch.
 *
 * @param x `N×H×W×C`.
 * @param scale `C`.
 * @param offset `C`.
 */
export function batchNormTraining(
  x: tf.Tensor,
  scale: tf.Tensor,
  offset: tf.Tensor,
): BatchNormResult {
  let statistics: tf.Tensor[] = [];
  const operation = tf.customGrad(
    (x, scale, offset, save) => {
      const epsilon = BATCH_NORM_EPSILON;
      const inputs = { x, scale, offset } as Record<string, tf.Tensor>;
      const [y, mean, variance, ...reserve] = run(
        KERNELS.batchNorm,
        inputs,
        { epsilon },
      ) as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
      // When this function returns, tfjs disposes what is not kept, except y.
      statistics = [tf.keep(mean), tf.keep(variance)];
      (save as tf.GradSaveFunc)([
        x as tf.Tensor,
        scale as tf.Tensor,
        ...reserve,
      ]);
      return {
        value: y,
        gradFunc: (dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[]) => {
          const [x, scale, reserve1, reserve2, reserve3] = saved as [
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
          ];
          return run(KERNELS.batchNormGrad, {
            dy: dy as tf.Tensor,
            x,
            scale,
            reserve1,
            reserve2,
            reserve3,
          }, { epsilon });
        },
      };
    },
  );
  const y = operation(x, scale, offset);
  return { y, mean: statistics[0]!, variance: statistics[1]! };
}

/** Statistics of a batch norm, one value per channel. */
export interface Statistics {
  mean: tf.Tensor;
  variance: tf.Tensor;
}

/** `scale·(x − mean)/√(variance + ε) + offset`, x being `N×H×W×C`. */
export function batchNormInference(
  x: tf.Tensor,
  { mean, variance }: Statistics,
  scale: tf.Tensor,
  offset: tf.Tensor,
): tf.Tensor {
  return tf.batchNorm(
    x as tf.Tensor4D,
    mean as tf.Tensor1D,
    variance as tf.Tensor1D,
    offset as tf.Tensor1D,
    scale as tf.Tensor1D,
    BATCH_NORM_EPSILON,
  );
}

/**
 * The mean and the unbiased variance of each channel of the batch, without casting
 * the batch to another type.
 *
 * @param x `N×H×W×C`.
 */
export function localStatistics(x: tf.Tensor): Statistics {
  const channels = x.shape.slice(-1);
  const [, mean, variance] = run(KERNELS.batchNorm, {
    x,
    scale: tf.ones(channels),
    offset: tf.zeros(channels),
  }, { epsilon: BATCH_NORM_EPSILON });
  return { mean: mean!, variance: variance! };
}

/**
 * The gradients of `scale·(x − mean)/√(variance + ε) + offset`, where mean and
 * variance are constants.
 *
 * @param dy `N×H×W×C`, like x; the others `C`.
 */
export function frozenBatchNormGradients(
  dy: tf.Tensor,
  inputs: Record<"x" | "scale" | "mean" | "variance", tf.Tensor>,
): Record<"x" | "scale" | "offset", tf.Tensor> {
  const [x, scale, offset] = run(
    KERNELS.frozenBatchNormGrad,
    { dy, ...inputs },
    { epsilon: BATCH_NORM_EPSILON },
  );
  return { x: x!, scale: scale!, offset: offset! };
}

/** ReLU, whose gradient is a single kernel. */
export function relu(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((x, save) => {
    const y = tf.relu(x as tf.Tensor);
    (save as tf.GradSaveFunc)([y]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[]) =>
        run(KERNELS.reluGrad, { dy: dy as tf.Tensor, y: saved[0]! }),
    };
  })(x);
}

/** The sum of the squares of a tensor, a scalar. It has no gradient. */
export function squaredNorm(x: tf.Tensor): tf.Tensor {
  return run(KERNELS.squaredNorm, { x })[0]!;
}

/** The L2 norm of a tensor, a scalar. It has no gradient. */
export function norm(x: tf.Tensor): tf.Tensor {
  return tf.sqrt(squaredNorm(x));
}

/**
 * log det of symmetric positive definite matrices; its gradient is the inverse.
 *
 * @param x `n×b×b`.
 * @returns `n`.
 */
export function logDeterminant(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((x, save) => {
    const [value, inverse] = run(KERNELS.logDeterminant, {
      x: x as tf.Tensor,
    }) as [tf.Tensor, tf.Tensor];
    (save as tf.GradSaveFunc)([inverse]);
    return {
      value,
      gradFunc: (dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[]) =>
        tf.mul(saved[0]!, tf.reshape(dy as tf.Tensor, [-1, 1, 1])),
    };
  })(x);
}
