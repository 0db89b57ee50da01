/**
 * LARS (You, Gitman and Ginsburg, «Large Batch Training of Convolutional
 * Networks», 2017) with clipping, as in the authors' program: the gradient of each
 * weight tensor is scaled relative to the tensor's norm before the SGD step.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { norm } from "./kernels.ts";

/** Which learning rate the local rate is clipped at: the step's or the initial one. */
export const LARS_CLIPS = ["current", "initial"] as const;

/** One of {@linkcode LARS_CLIPS}. */
export type LarsClip = typeof LARS_CLIPS[number];

/** The constants of the optimiser. */
export interface OptimizerConfig {
  /** The trust coefficient η. */
  eta: number;
  /** Weight decay. */
  weightDecay: number;
  /** Momentum of SGD. */
  momentum: number;
  /** Whether the momentum is Nesterov's: true by default. */
  nesterov?: boolean;
  /**
   * `lars` by default. `none`: plain SGD with weight decay of every parameter,
   * including biases and batch norms.
   */
  scaling?: "lars" | "none";
  /**
   * The learning rate that the local rate is clipped at: by default the current
   * step's, as in the authors' program. A step is then min(local, lr)·g, and the
   * schedule has no effect until lr falls below the local rate. With the initial
   * rate here, the schedule scales every step.
   */
  clipRate?: number;
  /**
   * With it the filters of convolutions step by Muon instead: the length of a step at a
   * learning rate of 1, relative to a filter's norm (`muon.ts`).
   */
  muon?: number;
}

/** The optimisers of a run: the method's published one, or Muon for the filters. */
export const OPTIMIZERS = ["published", "muon"] as const;

/** One of {@linkcode OPTIMIZERS}. */
export type OptimizerName = typeof OPTIMIZERS[number];

/** The paper's values. */
export const OPTIMIZER: OptimizerConfig = {
  eta: 0.005,
  weightDecay: 1e-4,
  momentum: 0.9,
};

/**
 * s·(g + wd·p) with s = min(local / rate, 1), where rate is `clipRate` or
 * `learningRate`, and local = η‖p‖ / (‖g‖ + wd‖p‖ + 1e-8). If ‖p‖ or ‖g‖ is zero, g is
 * unchanged; one-dimensional tensors (biases, batch norms) get neither decay nor
 * scaling. With `scaling` `none`: g + wd·p for every tensor.
 *
 * @param parameter p.
 * @param gradient g, of the same shape.
 * @param learningRate A scalar; it may be 0.
 */
export function larsGradient(
  parameter: tf.Tensor,
  gradient: tf.Tensor,
  learningRate: tf.Tensor,
  { eta, weightDecay, clipRate, scaling }: OptimizerConfig = OPTIMIZER,
): tf.Tensor {
  if (scaling === "none") {
    return tf.add(gradient, tf.mul(parameter, weightDecay));
  }
  if (parameter.rank <= 1) return gradient;
  const p = norm(parameter), g = norm(gradient);
  const active = tf.cast(tf.greater(tf.mul(p, g), 0), "float32");
  const local = tf.div(
    tf.mul(p, eta),
    tf.add(tf.add(g, tf.mul(p, weightDecay)), 1e-8),
  );
  const rate = clipRate ?? tf.maximum(learningRate, 1e-12);
  const clipped = tf.minimum(tf.div(local, rate), 1);
  const scale = tf.add(tf.mul(active, tf.sub(clipped, 1)), 1);
  const decay = tf.mul(active, weightDecay);
  return tf.mul(tf.add(gradient, tf.mul(parameter, decay)), scale);
}
