/**
 * ResNet-18, -34 and -50 (He, Zhang, Ren and Sun, «Deep Residual Learning for
 * Image Recognition», 2016) as in torchvision, with a stem for the data set.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import type { ModelConfig } from "./architectures.ts";
import { relu } from "./kernels.ts";
import { convNorm, padSpatial, type Scope } from "./layers.ts";
import { blocksOf, type BlockSpec, stemOf } from "./blocks.ts";

function residual(
  scope: Scope,
  { convs, shortcut }: BlockSpec,
  x: tf.Tensor,
): tf.Tensor {
  let y = x;
  for (const [i, { names, stride }] of convs.entries()) {
    y = convNorm(scope, names, i === 0 ? y : relu(y), stride);
  }
  const around = shortcut
    ? convNorm(scope, shortcut.names, x, shortcut.stride)
    : x;
  return relu(tf.add(y, around));
}

/**
 * The backbone.
 *
 * @param scope The tensors.
 * @param x Patches, `N×H×W×C`, normalised.
 * @param config Depth, stem and width.
 * @returns `N×(8·width)`, or `N×(32·width)` with bottlenecks: 512 for ResNet-18.
 */
export function resnet(
  scope: Scope,
  x: tf.Tensor,
  config: ModelConfig,
): tf.Tensor {
  const { names, stride } = stemOf(config);
  const more = (config.stemPadding ?? 1) - 1;
  const padded = more > 0 ? padSpatial(x, more) : x;
  let y = relu(convNorm(scope, names, padded, stride));
  if (config.stem === "imagenet") {
    // Values are ≥ 0 after the ReLU, so zero padding equals PyTorch's padding by −∞.
    y = tf.maxPool(padSpatial(y, 1) as tf.Tensor4D, 3, 2, "valid");
  }
  for (const block of blocksOf(config)) y = residual(scope, block, y);
  return tf.mean(y, [1, 2]);
}
