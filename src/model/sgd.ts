/**
 * SGD with Nesterov momentum, as `torch.optim.SGD(nesterov=True)`.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";

/** A parameter and its momentum after a step. */
export interface SgdResult {
  /** p − lr·(g + m·buffer); without Nesterov p − lr·buffer. */
  parameter: tf.Tensor;
  /** m·buffer + g. */
  buffer: tf.Tensor;
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
  { learningRate, momentum, nesterov = true }: {
    learningRate: tf.Tensor;
    momentum: number;
    nesterov?: boolean;
  },
): SgdResult {
  const next = tf.add(tf.mul(buffer, momentum), gradient);
  const direction = nesterov ? tf.add(gradient, tf.mul(next, momentum)) : next;
  return {
    parameter: tf.sub(parameter, tf.mul(direction, learningRate)),
    buffer: next,
  };
}
