/**
 * ReSSL: Zheng et al., «ReSSL: Relational Self-Supervised Learning with Weak
 * Augmentation», arXiv 2107.09282, with solo-learn's constants.
 *
 * With q the network's embedding of the strongly augmented view, k the target
 * network's embedding of the weak view, and Q a queue of earlier k, all of length 1
 * (equation 3):
 *
 *     L = − mean over images Σ_j softmax(k·Q_j / T_t) log softmax(q·Q_j / T_s)
 *
 * The queue is that before this batch; the batch's k then replace its oldest rows.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { Purpose, RandomStream } from "../../common/random.ts";
import type { ModelConfig } from "../architectures.ts";
import { normalizeRows } from "../projector.ts";
import type { Method } from "./method.ts";
import { optionOf, QUEUE, SHARE, TEMPERATURE } from "./options.ts";
import {
  eachView,
  mlpSpecs,
  projected,
  projectorLayer,
  projectorOf,
  reportedMetrics,
  stacked,
  toFloat32,
  TWO_VIEWS,
  withoutGradient,
} from "./parts.ts";
import { view, WEAKER } from "./recipes.ts";
import { targetScope, targetStatistics, tau } from "./target.ts";

const projector = (model: ModelConfig) => projectorOf(model, { norms: false });

/**
 * The cross entropy of the two relations (softmax over the queue). Since Σ_j p_j = 1,
 * Σ_j p_j q·Q_j is q·(Σ_j p_j Q_j): one matrix product instead of several passes over
 * the large matrices of relations. The lowest `TEMPERATURE` keeps the exponentials, and
 * their sum over the longest queue, in the range of fp32.
 *
 * @param q `b×d`, rows of length 1.
 * @param options k, `b×d`, rows of length 1, without gradient; the queue, `n×d`; the
 * two temperatures.
 * @returns A scalar.
 */
function relationLoss(
  q: tf.Tensor,
  { k, queue, student, teacher }: {
    k: tf.Tensor;
    queue: tf.Tensor;
    student: number;
    teacher: number;
  },
): tf.Tensor {
  const relation = (rows: tf.Tensor, temperature: number) =>
    tf.exp(tf.matMul(tf.mul(rows, 1 / temperature), queue, false, true));
  const wanted = relation(k, teacher);
  const mean = tf.div(tf.matMul(wanted, queue), tf.sum(wanted, 1, true));
  const agreement = tf.mul(tf.sum(tf.mul(q, mean), 1), 1 / student);
  const logSum = tf.log(tf.sum(relation(q, student), 1));
  return tf.mean(tf.sub(logSum, agreement));
}

/** See the module's description. */
export const RESSL: Method = {
  ...TWO_VIEWS,
  name: "ressl",
  title: "ReSSL (Zheng et al., 2021)",
  views: (choice) => [
    view({ jitter: WEAKER, blur: 0.5 }, choice),
    view({ jitter: undefined, grayscale: 0, blur: 0 }, choice),
  ],
  options: { tau: 0.99, student: 0.1, teacher: 0.04, queue: 65536 },
  limits: {
    tau: SHARE,
    student: TEMPERATURE,
    teacher: TEMPERATURE,
    queue: QUEUE,
  },
  widths: { hidden: 4096, embedding: 256 },
  defaults: (imagenet) => ({
    bs: 256,
    lr: { rate: imagenet ? 0.3 : 0.05, per: 256 },
    warmUp: "10%",
    // SGD with weight decay of every parameter, biases and batch norms too.
    optimizer: {
      ...{ eta: 0, weightDecay: 1e-4, momentum: 0.9 },
      nesterov: false,
      scaling: "none",
    },
  }),
  heads: (model) => mlpSpecs(projector(model)),
  hidden: projectorLayer(false),
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
    const network = projected(projector(model), model);
    // The network's output for the weak view is not in the loss: this forward pass
    // updates running statistics and serves the metrics, without a backward pass.
    const each = eachView(
      scope,
      x,
      views,
      (own, x, view) =>
        view === 0
          ? network(own, x)
          : withoutGradient(() => network(own, x), x),
    );
    const copies = targetScope(scope, kept);
    const targets = eachView(copies, x, views, network);
    const z = gather(normalizeRows(stacked(each)), views);
    const keys = gather(normalizeRows(stacked(targets)), views);
    const [rows, d] = z.shape as [number, number], images = rows / views;
    const q = tf.slice(z, [0, 0], [images, d]);
    const k = tf.slice(keys, [images, 0], [images, d]);
    const queue = toFloat32(kept.queue!), size = optionOf(model, "queue");
    const loss = relationLoss(q, {
      ...{ k, queue },
      student: optionOf(model, "student"),
      teacher: optionOf(model, "teacher"),
    });
    return {
      loss,
      ...reportedMetrics(z, views, eps),
      kept: {
        ...targetStatistics(copies),
        queue: tf.slice(tf.concat([k, queue]), [0, 0], [size, d]),
      },
    };
  },
};
