/**
 * Parts that several methods share: multi-layer perceptrons, one forward pass per
 * view, and the metrics that every method reports.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import type { ModelConfig } from "../architectures.ts";
import { backboneWidth } from "../blocks.ts";
import { invariance } from "../invariance.ts";
import type { OptimizerConfig } from "../optimizer.ts";
import { relu } from "../kernels.ts";
import { linear, linearNorm, type Scope } from "../layers.ts";
import { gramOf, type Losses } from "../loss.ts";
import { resnet } from "../resnet.ts";
import { totalCodingRate } from "../tcr.ts";
import { linearSpecs, normSpecs, type TensorSpec } from "../tensors.ts";
import type { Method } from "./method.ts";

/** An MLP: PyTorch's `nn.Sequential` of linear layers, batch norms and ReLUs. */
export interface Mlp {
  /** The name of the `nn.Sequential`. */
  name: string;
  /** The widths, beginning with the input's. */
  widths: readonly number[];
  /** Whether there are batch norms between linear layers and ReLUs. */
  norms: boolean;
}

/** The index of each linear layer in the `nn.Sequential`. */
function places({ widths, norms }: Mlp): number[] {
  return widths.slice(1).map((_, i) => i * (norms ? 3 : 2));
}

/** The tensors of an MLP. */
export function mlpSpecs(mlp: Mlp): TensorSpec[] {
  const { name, widths, norms } = mlp;
  return places(mlp).flatMap((place, i) => {
    const [input, output] = widths.slice(i) as [number, number];
    const last = i === widths.length - 2;
    return [
      ...linearSpecs(`${name}.${place}`, input, output),
      ...norms && !last ? normSpecs(`${name}.${place + 1}`, output) : [],
    ];
  });
}

/**
 * A projector as in solo-learn: hidden layers of one width, then the embedding.
 *
 * @param options Whether it has batch norms; the number of hidden layers.
 */
export function projectorOf(
  model: ModelConfig,
  { norms, hidden = 1 }: { norms: boolean; hidden?: number },
): Mlp {
  const { hidden: width, embedding } = model;
  const between = Array<number>(hidden).fill(width);
  const widths = [backboneWidth(model), ...between, embedding];
  return { name: "projector", widths, norms };
}

/** The forward pass of the ResNet and the projector after it. */
export function projected(
  projector: Mlp,
  model: ModelConfig,
): (scope: Scope, x: tf.Tensor) => tf.Tensor {
  return (scope, x) => forwardMlp(scope, projector, resnet(scope, x, model));
}

/** What the methods of two views have in common. */
export const TWO_VIEWS = {
  features: "backbone",
  protocol: "whole",
  // Early in training the embeddings of all images are nearly equal for some time.
  patience: 500,
  microBatches: false,
} as const satisfies Partial<Method>;

/** The first layer of a projector, with its batch norm and ReLU: the hidden layer. */
export function projectorLayer(norms: boolean): Method["hidden"] {
  return {
    prefixes: norms ? ["projector.0.", "projector.1."] : ["projector.0."],
    forward: (scope, x) =>
      relu(
        norms
          ? linearNorm(scope, ["projector.0", "projector.1"], x)
          : linear(scope, "projector.0", x),
      ),
  };
}

/** LARS with solo-learn's constants. */
export function soloLars(weightDecay: number): OptimizerConfig {
  return { eta: 0.02, weightDecay, momentum: 0.9, nesterov: false };
}

/** The forward pass of an MLP: a ReLU follows each linear layer except the last. */
export function forwardMlp(
  scope: Scope,
  mlp: Mlp,
  x: tf.Tensor,
): tf.Tensor {
  const { name, norms } = mlp, all = places(mlp);
  return all.reduce((y, place, i) => {
    const layer = `${name}.${place}`;
    if (i === all.length - 1) return linear(scope, layer, y);
    return relu(
      norms
        ? linearNorm(scope, [layer, `${name}.${place + 1}`], y)
        : linear(scope, layer, y),
    );
  }, x);
}

/**
 * One forward pass per view: batch norms use the statistics of one view at a time, and
 * their running statistics are updated after each view.
 *
 * @param x `(v·b)×…`, view 0 of all images first.
 * @returns The network's result for each view.
 */
export function eachView<T>(
  scope: Scope,
  x: tf.Tensor,
  views: number,
  network: (scope: Scope, x: tf.Tensor, view: number) => T,
): T[] {
  const [rows, ...sides] = x.shape as [number, ...number[]];
  const images = rows / views, zeros = sides.map(() => 0);
  let { tensors } = scope;
  const found: T[] = [];
  for (let view = 0; view < views; view++) {
    const own = { ...scope, tensors, updates: {} };
    const begin = [view * images, ...zeros], size = [images, ...sides];
    found.push(network(own, tf.slice(x, begin, size), view));
    tensors = { ...tensors, ...own.updates };
    for (const [name, update] of Object.entries<tf.Tensor>(own.updates)) {
      scope.updates[name]?.dispose();
      scope.updates[name] = update;
    }
  }
  return found;
}

/** A tensor in float32, whatever type the layers before compute in. */
export function toFloat32(x: tf.Tensor): tf.Tensor {
  // With a float32 factor the product is float32.
  return tf.mul(x, 1);
}

/** Computes a value without a gradient with respect to some tensors (stop-gradient). */
export function withoutGradient(
  compute: () => tf.Tensor,
  ...of: tf.Tensor[]
): tf.Tensor {
  const operation = tf.customGrad(() => ({
    value: compute(),
    gradFunc: () => of.map((x) => tf.zerosLike(x)),
  }));
  return operation(...of);
}

/** Concatenates the views in float32, `(v·b)×d`. */
export function stacked(views: tf.Tensor[]): tf.Tensor {
  const [{ shape }] = views as [tf.Tensor];
  const joined = tf.stack(views.map(toFloat32));
  return tf.reshape(joined, [views.length * shape[0]!, ...shape.slice(1)]);
}

/**
 * The metrics that every method reports: invariance and coding rate of its embeddings,
 * by EMP-SSL's definitions, and the Gram matrix of the images' mean embeddings.
 *
 * @param z `(v·b)×d`, rows of length 1.
 */
export function reportedMetrics(
  z: tf.Tensor,
  views: number,
  eps: number,
): Omit<Losses, "loss"> {
  const [rows, d] = z.shape as [number, number], images = rows / views;
  const byView = tf.reshape(z, [views, images, d]);
  const mean = tf.mean(byView, 0);
  return {
    invariance: invariance(byView, mean),
    tcr: totalCodingRate(byView, eps),
    gram: gramOf(mean),
  };
}
