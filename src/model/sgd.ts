/**
 * SGD with Nesterov momentum, as `torch.optim.SGD(nesterov=True)`.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";

/** A parameter and its momentum after a step. */
export interface SgdResult {
  /** p − lr·direction. */
  parameter: tf.Tensor;
  /** m·buffer + g. */
  buffer: tf.Tensor;
}

/** How the momentum buffer is used. */
export interface MomentumOptions {
  /** m. */
  momentum: number;
  /** True by default. */
  nesterov?: boolean;
}

/**
 * The momentum buffer after a gradient, m·buffer + g, and the direction of the step:
 * g + m·buffer; without Nesterov the buffer.
 */
export function momentumOf(
  buffer: tf.Tensor,
  gradient: tf.Tensor,
  { momentum, nesterov = true }: MomentumOptions,
): { buffer: tf.Tensor; direction: tf.Tensor } {
  const next = tf.add(tf.mul(buffer, momentum), gradient);
  const direction = nesterov ? tf.add(gradient, tf.mul(next, momentum)) : next;
  return { buffer: next, direction };
}

/**
 * One step for one parameter. The TensorFlow engine uses a single operation for the
 * same update (`ResourceApplyMomentum`); the other engines call this function.
 *
 * @param parameter p.
 * @param buffer The momentum buffer, zero before the first step.
 * @param gradient g, after LARS or weight decay.
 * @param options The learning rate, a scalar, and the momentum m.
 */
export function sgdStep(
  parameter: tf.Tensor,
  buffer: tf.Tensor,
  gradient: tf.Tensor,
  { learningRate, ...options }: MomentumOptions & { learningRate: tf.Tensor },
): SgdResult {
  const next = momentumOf(buffer, gradient, options);
  const step = tf.mul(next.direction, learningRate);
  return { parameter: tf.sub(parameter, step), buffer: next.buffer };
}
