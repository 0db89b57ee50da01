/**
 * LARS (You, Gitman and Ginsburg, «Large Batch Training of Convolutional
 * Networks», 2017) with clipping, as in the authors' program: the gradient of each
 * weight tensor is scaled relative to the tensor's norm before the SGD step.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { norm } from "./kernels.ts";
import type { OptimizerConfig } from "./optimizer.ts";

/** Which learning rate the local rate is clipped at: the step's or the initial one. */
export const LARS_CLIPS = ["current", "initial"] as const;

/** One of {@linkcode LARS_CLIPS}. */
export type LarsClip = typeof LARS_CLIPS[number];

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
  { eta, weightDecay, clipRate, scaling }: OptimizerConfig,
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
