/**
 * The network up to the feature or the embedding, and the normalisation of its input.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { affineOf, type PatchValues } from "../patches/normalize.ts";
import type { ModelConfig } from "./architectures.ts";
import type { Scope } from "./layers.ts";
import { backboneWidth } from "./blocks.ts";
import type { FeatureLayer } from "./methods/method.ts";
import { methodOf } from "./methods/methods.ts";
import { project } from "./projector.ts";
import { resnet } from "./resnet.ts";

/**
 * (x/255 − mean)/std, the last step of the patch recipes; in the paper the mean and
 * the standard deviation are ½.
 *
 * @param numbers `N×H×W×C`, from 0 to 255, or with 16 bits to 65,535.
 * @param how Bits of a value, mean and standard deviation.
 */
export function normalizePatches(
  numbers: tf.Tensor,
  how: PatchValues,
): tf.Tensor {
  const { scale, offset } = affineOf(how);
  const each = (list: number[]): tf.Tensor | number =>
    list.length === 1 ? list[0]! : tf.tensor1d(list);
  return tf.sub(tf.mul(numbers, each(scale)), each(offset));
}

/** The layer whose output is the feature: the method's default if none is given. */
export function featureLayer(
  model: ModelConfig,
  layer?: FeatureLayer,
): FeatureLayer {
  return layer ?? methodOf(model).features;
}

/** Width of a feature vector. */
export function featureWidth(model: ModelConfig, layer?: FeatureLayer): number {
  return featureLayer(model, layer) === "backbone"
    ? backboneWidth(model)
    : model.hidden;
}

/**
 * The features of patches.
 *
 * @param x Patches, `N×H×W×C`, normalised.
 * @param layer The backbone, or the hidden layer after it: by default the method's.
 * @returns `N×width`: see {@linkcode featureWidth}.
 */
export function encode(
  scope: Scope,
  x: tf.Tensor,
  model: ModelConfig,
  layer?: FeatureLayer,
): tf.Tensor {
  const h = resnet(scope, x, model);
  return featureLayer(model, layer) === "backbone"
    ? h
    : methodOf(model).hidden.forward(scope, h);
}

/**
 * EMP-SSL's embedding, for training steps in micro-batches.
 *
 * @param x Patches, `N×H×W×C`, normalised.
 * @returns z, `N×embedding`, rows of length 1.
 */
export function embed(
  scope: Scope,
  x: tf.Tensor,
  config: ModelConfig,
): tf.Tensor {
  return project(scope, encode(scope, x, config, "head"));
}
