/**
 * LARS (You, Gitman and Ginsburg, «Large Batch Training of Convolutional
 * Networks», 2017), clipped, as the authors' program has it: the gradient of
 * each weight tensor is scaled to the size of the tensor before SGD sees it.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { squaredNorm } from "./kernels.ts";

/** The constants of the method's optimiser. */
export interface OptimizerConfig {
  /** The trust coefficient η. */
  eta: number;
  /** Weight decay. */
  weightDecay: number;
  /** Momentum of SGD. */
  momentum: number;
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
 * s·(g + wd·p) with s = min(local / lr, 1) and local = η‖p‖ / (‖g‖ + wd‖p‖ +
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
  { eta, weightDecay }: OptimizerConfig = OPTIMIZER,
): tf.Tensor {
  if (parameter.rank <= 1) return gradient;
  const p = norm(parameter), g = norm(gradient);
  const active = tf.cast(tf.greater(tf.mul(p, g), 0), "float32");
  const local = tf.div(
    tf.mul(p, eta),
    tf.add(tf.add(g, tf.mul(p, weightDecay)), 1e-8),
  );
  const clipped = tf.minimum(tf.div(local, tf.maximum(learningRate, 1e-12)), 1);
  const scale = tf.add(tf.mul(active, tf.sub(clipped, 1)), 1);
  const decay = tf.mul(active, weightDecay);
  return tf.mul(tf.add(gradient, tf.mul(parameter, decay)), scale);
}
