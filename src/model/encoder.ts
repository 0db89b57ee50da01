/**
 * The whole network: backbone, `pre_feature`, projector.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import type { ModelConfig } from "./architectures.ts";
import type { Scope } from "./layers.ts";
import { preFeature, project } from "./projector.ts";
import { resnet } from "./resnet.ts";

/**
 * (x/255 − ½)/½, the last step of the patch recipes.
 *
 * @param bytes Numbers from 0 to 255.
 * @returns Numbers from −1 to 1.
 */
export function normalizeBytes(bytes: tf.Tensor): tf.Tensor {
  return tf.sub(tf.mul(bytes, 2 / 255), 1);
}

/**
 * The feature that evaluation uses: `pre_feature` after its ReLU.
 *
 * @param x Patches, `N×H×W×3`, in [−1, 1].
 * @returns `N×hidden`.
 */
export function encode(
  scope: Scope,
  x: tf.Tensor,
  config: ModelConfig,
): tf.Tensor {
  return preFeature(scope, resnet(scope, x, config));
}

/**
 * The embedding that the losses use.
 *
 * @param x Patches, `N×H×W×3`, in [−1, 1].
 * @returns z, `N×embedding`, rows of length 1.
 */
export function embed(
  scope: Scope,
  x: tf.Tensor,
  config: ModelConfig,
): tf.Tensor {
  return project(scope, encode(scope, x, config));
}
