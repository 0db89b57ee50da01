/**
 * LARS (You, Gitman and Ginsburg, «Large Batch Training of Convolutional
 * Networks», 2017), clipped, as the authors' program has it: the gradient of
 * each weight tensor is scaled to the size of the tensor before SGD sees it.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { squaredNorm } from "./kernels.ts";

/** What learning rate the local rate is clipped at. */
export const LARS_CLIPS = ["current", "initial"] as const;

/** One of {@linkcode LARS_CLIPS}. */
export type LarsClip = typeof LARS_CLIPS[number];

/** The constants of the method's optimiser. */
export interface OptimizerConfig {
  /** The trust coefficient η. */
  eta: number;
  /** Weight decay. */
  weightDecay: number;
  /** Momentum of SGD. */
  momentum: number;
  /** Whether the momentum is Nesterov's: true where it is not given. */
  nesterov?: boolean;
  /**
   * `lars` where it is not given. `none`: SGD alone, with decay of every parameter,
   * biases and batch norms among them.
   */
  scaling?: "lars" | "none";
  /**
   * The learning rate that the local rate is clipped at; the step's own where it
   * is not given, as in the authors' program. Then a step is min(local, lr)·g,
   * and the schedule changes nothing until lr falls under the local rate. With
   * the first step's rate here, the schedule scales every step.
   */
  clipRate?: number;
}

/** The paper's values. */
export const OPTIMIZER: OptimizerConfig = {
  eta: 0.005,
  weightDecay: 1e-4,
  momentum: 0.9,
};

function norm(x: tf.Tensor): tf.Tensor {
  return tf.sqrt(squaredNorm(x));
}

/**
 * s·(g + wd·p) with s = min(local / rate, 1), where rate is `clipRate` or
 * `learningRate`, and local = η‖p‖ / (‖g‖ + wd‖p‖ +
 * 1e-8). Where ‖p‖ or ‖g‖ is zero, g is left as it is; tensors of one
 * dimension (biases, batch norms) get neither decay nor scaling.
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
