/**
 * ReSSL: Zheng et al., «ReSSL: Relational Self-Supervised Learning with Weak
 * Augmentation», arXiv 2107.09282, with solo-learn's constants.
 *
 * With q the embedding of the strongly augmented view, k the target's of the weak
 * one, and Q a queue of earlier k, all of length 1 (equation 3):
 *
 *     L = − mean over images Σ_j softmax(k·Q_j / T_t) log softmax(q·Q_j / T_s)
 *
 * over the queue as it was before this batch, whose k then take the place of the
 * oldest.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { Purpose, RandomStream } from "../../random.ts";
import type { ModelConfig } from "../architectures.ts";
import { backboneWidth } from "../blocks.ts";
import { normalizeRows } from "../projector.ts";
import { resnet } from "../resnet.ts";
import { type Method, optionOf } from "./method.ts";
import { eachView, firstLayer, perceive, perceptronSpecs } from "./parts.ts";
import { shown, stacked, wide } from "./parts.ts";
import { view, WEAKER } from "./recipes.ts";
import { targetScope, targetStatistics, tau } from "./target.ts";

const projector = (model: ModelConfig) => ({
  name: "projector",
  widths: [backboneWidth(model), model.hidden, model.embedding],
  norms: false,
});

/**
 * The cross entropy of the two relations.
 *
 * @param q `b×d`, rows of length 1.
 * @param k `b×d`, likewise, without gradient.
 * @param queue `n×d`, likewise.
 * @returns A scalar.
 */
export function relationLoss(
  q: tf.Tensor,
  { k, queue, student, teacher }: {
    k: tf.Tensor;
    queue: tf.Tensor;
    student: number;
    teacher: number;
  },
): tf.Tensor {
  const relation = (rows: tf.Tensor, temperature: number) => {
    const cosines = tf.matMul(rows, queue, false, true);
    // Less the greatest cosine that there is.
    return tf.mul(tf.sub(cosines, 1), 1 / temperature);
  };
  const wanted = tf.exp(relation(k, teacher));
  const shares = tf.div(wanted, tf.sum(wanted, 1, true));
  const logits = relation(q, student);
  const logSum = tf.log(tf.sum(tf.exp(logits), 1, true));
  return tf.mean(tf.sum(tf.mul(shares, tf.sub(logSum, logits)), 1));
}

/** See the module's description. */
export const RESSL: Method = {
  name: "ressl",
  title: "ReSSL (Zheng et al., 2021)",
  views: (choice) => [
    view({ jitter: WEAKER, blur: 0.5 }, choice),
    view({ jitter: undefined, grayscale: 0, blur: 0 }, choice),
  ],
  options: { tau: 0.99, student: 0.1, teacher: 0.04, queue: 65536 },
  widths: { hidden: 4096, embedding: 256 },
  defaults: (imagenet) => ({
    bs: 256,
    lr: { rate: imagenet ? 0.3 : 0.05, per: 256 },
    warmUp: "10%",
    // SGD with decay of every parameter, biases and batch norms too.
    optimizer: {
      ...{ eta: 0, weightDecay: 1e-4, momentum: 0.9 },
      nesterov: false,
      scaling: "none",
    },
  }),
  heads: (model) => perceptronSpecs(projector(model)),
  hidden: {
    prefixes: ["projector.0."],
    forward: (scope, h) =>
      firstLayer(scope, { name: "projector", norms: false }, h),
  },
  features: "backbone",
  protocol: "whole",
  // Its embeddings are alike for a while before they part.
  patience: 500,
  microBatches: false,
  target: ["backbone.", "projector."],
  kept: (model) => [{
    name: "queue",
    shape: [optionOf(model, "queue"), model.embedding],
    kind: "buffer",
    kept: true,
  }],
  initial(model, seed) {
    const rows = optionOf(model, "queue"), d = model.embedding;
    const random = new RandomStream({ seed, purpose: Purpose.queue, at: [] });
    const queue = new Float32Array(rows * d);
    for (let row = 0; row < rows; row++) {
      let squares = 0;
      for (let i = row * d; i < (row + 1) * d; i++) {
        queue[i] = random.normal();
        squares += queue[i]! ** 2;
      }
      for (let i = row * d; i < (row + 1) * d; i++) {
        queue[i]! /= Math.sqrt(squares);
      }
    }
    return new Map([["queue", queue]]);
  },
  scalars: (progress, model) => ({
    tau: tau(optionOf(model, "tau"), progress),
  }),
  step({ scope, x, views, model, kept, loss: { eps }, gather }) {
    const network = (own: typeof scope, x: tf.Tensor) =>
      perceive(own, projector(model), resnet(own, x, model));
    const each = eachView(scope, x, views, network);
    const copies = targetScope(scope, kept);
    const targets = eachView(copies, x, views, network);
    const z = gather(normalizeRows(stacked(each)), views);
    const keys = gather(normalizeRows(stacked(targets)), views);
    const [rows, d] = z.shape as [number, number], images = rows / views;
    const q = tf.slice(z, [0, 0], [images, d]);
    const k = tf.slice(keys, [images, 0], [images, d]);
    const queue = wide(kept.queue!), size = optionOf(model, "queue");
    const loss = relationLoss(q, {
      ...{ k, queue },
      student: optionOf(model, "student"),
      teacher: optionOf(model, "teacher"),
    });
    return {
      loss,
      ...shown(z, views, eps),
      z,
      kept: {
        ...targetStatistics(copies),
        queue: tf.slice(tf.concat([k, queue]), [0, 0], [size, d]),
      },
    };
  },
};
