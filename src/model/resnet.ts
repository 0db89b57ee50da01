/**
 * ResNet-18 (He, Zhang, Ren and Sun, «Deep Residual Learning for Image
 * Recognition», 2016) as torchvision has it, with the stem of the data set.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import type { ModelConfig } from "./architectures.ts";
import { convNorm, padSpatial, relu, type Scope } from "./layers.ts";
import { type BlockSpec, resnet18Blocks } from "./parameters.ts";

function basicBlock(scope: Scope, block: BlockSpec, x: tf.Tensor): tf.Tensor {
  const { name, input, output, stride } = block;
  let y = relu(convNorm(scope, [`${name}.conv1`, `${name}.bn1`], x, stride));
  y = convNorm(scope, [`${name}.conv2`, `${name}.bn2`], y);
  let shortcut = x;
  if (stride !== 1 || input !== output) {
    const names: [string, string] = [
      `${name}.downsample.0`,
      `${name}.downsample.1`,
    ];
    shortcut = convNorm(scope, names, x, stride);
  }
  return relu(tf.add(y, shortcut));
}

/**
 * The backbone.
 *
 * @param scope The tensors.
 * @param x Patches, `N×H×W×3`, in [−1, 1].
 * @param config Stem and width.
 * @returns `N×(8·width)`: 512 for ResNet-18.
 */
export function resnet18(
  scope: Scope,
  x: tf.Tensor,
  config: ModelConfig,
): tf.Tensor {
  const imagenet = config.stem === "imagenet";
  const stem: [string, string] = ["backbone.conv1", "backbone.bn1"];
  let y = relu(convNorm(scope, stem, x, imagenet ? 2 : 1));
  if (imagenet) {
    // After a ReLU nothing is under 0, so that zeros pad as −∞ would.
    y = tf.maxPool(padSpatial(y, 1) as tf.Tensor4D, 3, 2, "valid");
  }
  for (const block of resnet18Blocks(config.width)) {
    y = basicBlock(scope, block, y);
  }
  return tf.mean(y, [1, 2]);
}
