/**
 * The whole network: backbone, `pre_feature`, projector.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { affineOf, type PatchValues } from "../patches/normalize.ts";
import type { ModelConfig } from "./architectures.ts";
import type { Scope } from "./layers.ts";
import { preFeature, project } from "./projector.ts";
import { resnet } from "./resnet.ts";

/**
 * (x/255 − mean)/deviation, the last step of the patch recipes; the paper's mean
 * and deviation are ½.
 *
 * @param numbers `N×H×W×C`, from 0 to 255, or to 65,535.
 * @param how Their bits, and the mean and the deviation.
 */
export function normalize(numbers: tf.Tensor, how: PatchValues): tf.Tensor {
  const { scale, offset } = affineOf(how);
  const each = (list: number[]): tf.Tensor | number =>
    list.length === 1 ? list[0]! : tf.tensor1d(list);
  return tf.sub(tf.mul(numbers, each(scale)), each(offset));
}

/**
 * The feature that evaluation uses: `pre_feature` after its ReLU.
 *
 * @param x Patches, `N×H×W×C`, normalised.
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
 * @param x Patches, `N×H×W×C`, normalised.
 * @returns z, `N×embedding`, rows of length 1.
 */
export function embed(
  scope: Scope,
  x: tf.Tensor,
  config: ModelConfig,
): tf.Tensor {
  return project(scope, encode(scope, x, config));
}
