/**
 * EMP-SSL's heads after the backbone: `pre_feature`, whose output is the feature for
 * evaluation, and the projector to the embedding z (the authors' `model/model.py`).
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { relu } from "./kernels.ts";
import { linear, linearNorm, type Scope } from "./layers.ts";

/**
 * Linear, batch norm, ReLU.
 *
 * @param x Output of the backbone, `N×512`.
 * @returns The feature, `N×4096`.
 */
export function preFeature(scope: Scope, x: tf.Tensor): tf.Tensor {
  return relu(linearNorm(scope, ["pre_feature.0", "pre_feature.1"], x));
}

/**
 * Linear, batch norm, ReLU, linear, and L2 normalisation.
 *
 * @param x The feature, `N×4096`.
 * @returns z, `N×1024`, rows of length 1.
 */
export function project(scope: Scope, x: tf.Tensor): tf.Tensor {
  const y = relu(linearNorm(scope, ["projection.0", "projection.1"], x));
  return normalizeRows(linear(scope, "projection.3", y));
}

/** Rows divided by max(length, 1e-12), as in `F.normalize`. */
export function normalizeRows(x: tf.Tensor): tf.Tensor {
  const squares = tf.sum(tf.square(x), -1, true);
  return tf.div(x, tf.sqrt(tf.maximum(squares, 1e-24)));
}
