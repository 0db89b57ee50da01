/**
 * What several methods are made of: multi-layer perceptrons, the pass over each
 * view, the numbers that are shown of any method.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import type { ModelConfig } from "../architectures.ts";
import { backboneWidth } from "../blocks.ts";
import { invariance } from "../invariance.ts";
import type { OptimizerConfig } from "../lars.ts";
import { linear, linearNorm, relu, type Scope } from "../layers.ts";
import type { Losses } from "../loss.ts";
import { resnet } from "../resnet.ts";
import { totalCodingRate } from "../tcr.ts";
import { linearSpecs, normSpecs, type TensorSpec } from "../tensors.ts";
import type { Method } from "./method.ts";

/** A perceptron: PyTorch's `nn.Sequential` of linear layers, norms and ReLUs. */
export interface Perceptron {
  /** The name of the sequence. */
  name: string;
  /** The widths: that of the input first. */
  widths: readonly number[];
  /** Whether batch norms stand between linear layers and ReLUs. */
  norms: boolean;
}

/** The place of each linear layer in the sequence. */
function places({ widths, norms }: Perceptron): number[] {
  return widths.slice(1).map((_, i) => i * (norms ? 3 : 2));
}

/** The tensors of a perceptron. */
export function perceptronSpecs(perceptron: Perceptron): TensorSpec[] {
  const { name, widths, norms } = perceptron;
  return places(perceptron).flatMap((place, i) => {
    const [input, output] = widths.slice(i) as [number, number];
    const last = i === widths.length - 2;
    return [
      ...linearSpecs(`${name}.${place}`, input, output),
      ...norms && !last ? normSpecs(`${name}.${place + 1}`, output) : [],
    ];
  });
}

/**
 * A projector as solo-learn has them: hidden layers of one width, then the embedding.
 *
 * @param options Whether batch norms stand between; how many hidden layers there are.
 */
export function projectorOf(
  model: ModelConfig,
  { norms, hidden = 1 }: { norms: boolean; hidden?: number },
): Perceptron {
  const { hidden: width, embedding } = model;
  const between = Array<number>(hidden).fill(width);
  const widths = [backboneWidth(model), ...between, embedding];
  return { name: "projector", widths, norms };
}

/** The ResNet and the projector after it, over some images. */
export function projected(
  projector: Perceptron,
  model: ModelConfig,
): (scope: Scope, x: tf.Tensor) => tf.Tensor {
  return (scope, x) => perceive(scope, projector, resnet(scope, x, model));
}

/** What the methods of two views have in common. */
export const TWO_VIEWS = {
  features: "backbone",
  protocol: "whole",
  // Embeddings are alike for a while before they part.
  patience: 500,
  microBatches: false,
} as const satisfies Partial<Method>;

/** The first layer of a projector, with its norm and ReLU: the hidden layer. */
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

/** LARS as solo-learn has it. */
export function soloLars(weightDecay: number): OptimizerConfig {
  return { eta: 0.02, weightDecay, momentum: 0.9, nesterov: false };
}

/** A whole perceptron: ReLU follows each linear layer but the last. */
export function perceive(
  scope: Scope,
  perceptron: Perceptron,
  x: tf.Tensor,
): tf.Tensor {
  const { name, norms } = perceptron, all = places(perceptron);
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
 * A network over each view by itself: batch norms see one view at a time, and their
 * running statistics follow one after the other.
 *
 * @param x `(v·b)×…`, view 0 of all images first.
 * @returns What the network gives of each view.
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

/** A number of single precision, whatever the layers before compute in. */
export function wide(x: tf.Tensor): tf.Tensor {
  // With a float32 factor the product is float32.
  return tf.mul(x, 1);
}

/** What is computed of some tensors, without a gradient by them. */
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

/** Views one after the other, `(v·b)×d`. */
export function stacked(views: tf.Tensor[]): tf.Tensor {
  const [{ shape }] = views as [tf.Tensor];
  const joined = tf.stack(views.map(wide));
  return tf.reshape(joined, [views.length * shape[0]!, ...shape.slice(1)]);
}

/** Images that tell whether all have one embedding. */
const SEEN = 256;

/**
 * What is shown of every method: invariance and coding rate of its embeddings, by
 * EMP-SSL's definitions, and the Gram matrix of their means.
 *
 * @param z `(v·b)×d`, rows of length 1.
 */
export function shown(
  z: tf.Tensor,
  views: number,
  eps: number,
): Omit<Losses, "loss"> {
  const [rows, d] = z.shape as [number, number], images = rows / views;
  const byView = tf.reshape(z, [views, images, d]);
  const mean = tf.mean(byView, 0);
  const some = tf.slice(mean, [0, 0], [Math.min(images, SEEN), d]);
  return {
    invariance: invariance(byView, mean),
    tcr: totalCodingRate(byView, eps),
    gram: tf.matMul(some, some, false, true),
  };
}
