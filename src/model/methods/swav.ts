/**
 * SwAV: Caron et al., «Unsupervised Learning of Visual Features by Contrasting
 * Cluster Assignments», arXiv 2006.09882, with solo-learn's constants.
 *
 * With p = Cz the cosines between an embedding and k prototypes, and a the soft
 * assignment by Sinkhorn and Knopp (section 3.1, algorithm 1):
 *
 *     L = mean over both orders of − mean over images Σ_k a(view 1)_k
 *         log softmax(p(view 2) / T)_k
 *
 * The prototypes, rows of length 1, are frozen in the first epochs. From a later epoch
 * on, a queue of earlier embeddings is part of the assignment.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import type { ModelConfig } from "../architectures.ts";
import { normalizeRows } from "../projector.ts";
import type { Method } from "./method.ts";
import {
  countUpTo,
  EPOCHS,
  optionOf,
  QUEUE,
  TEMPERATURE,
  WIDTH,
} from "./options.ts";
import {
  eachView,
  mlpSpecs,
  projected,
  projectorLayer,
  projectorOf,
  reportedMetrics,
  soloLars,
  stacked,
  toFloat32,
  TWO_VIEWS,
  withoutGradient,
} from "./parts.ts";
import { STRONG, view } from "./recipes.ts";

const projector = (model: ModelConfig) => projectorOf(model, { norms: true });

/**
 * Soft assignments of images to prototypes of equal total weight, by Sinkhorn's
 * iteration.
 *
 * @param cosines `n×k`.
 * @param options ε and the number of iterations; `counted`, n numbers: 1, or 0 for a
 * row to be ignored.
 * @returns `n×k`: the sum of a row that is not ignored is 1.
 */
export function sinkhorn(
  cosines: tf.Tensor,
  { epsilon, iterations, counted }: {
    epsilon: number;
    iterations: number;
    counted?: tf.Tensor;
  },
): tf.Tensor {
  const [n, k] = cosines.shape as [number, number];
  const rows = tf.reshape(counted ?? tf.ones([n]), [n, 1]);
  const count = tf.sum(rows);
  // Subtracting the largest possible cosine, 1, cancels in the divisions.
  const e = tf.exp(tf.mul(tf.sub(cosines, 1), 1 / epsilon));
  let q = tf.mul(e, rows);
  q = tf.div(q, tf.sum(q));
  for (let i = 0; i < iterations; i++) {
    q = tf.div(q, tf.mul(tf.sum(q, 0, true), k));
    // An ignored row is zero, and stays zero.
    const sums = tf.add(tf.sum(q, 1, true), tf.sub(1, rows));
    q = tf.div(q, tf.mul(sums, count));
  }
  return tf.mul(q, count);
}

/** Cross entropy of assignments and softmax(cosines / T), averaged over rows. */
function crossEntropy(
  assignments: tf.Tensor,
  cosines: tf.Tensor,
  temperature: number,
): tf.Tensor {
  const logits = tf.mul(tf.sub(cosines, 1), 1 / temperature);
  const logSum = tf.log(tf.sum(tf.exp(logits), 1, true));
  const each = tf.sum(tf.mul(assignments, tf.sub(logSum, logits)), 1);
  return tf.mean(each);
}

const QUEUES = ["queue.0", "queue.1"] as const;

/** See the module's description. */
export const SWAV: Method = {
  ...TWO_VIEWS,
  name: "swav",
  title: "SwAV (Caron et al., 2020)",
  views(choice) {
    const both = view({ jitter: STRONG, blur: 0.5 }, choice);
    return [both, both];
  },
  options: {
    temperature: 0.1,
    prototypes: 3000,
    epsilon: 0.05,
    iterations: 3,
    queue: 3840,
    queueFrom: 50,
    frozen: 2,
  },
  limits: {
    temperature: TEMPERATURE,
    prototypes: WIDTH,
    epsilon: TEMPERATURE,
    iterations: countUpTo(100),
    queue: QUEUE,
    queueFrom: EPOCHS,
    frozen: EPOCHS,
  },
  widths: { hidden: 2048, embedding: 128 },
  defaults: () => ({
    bs: 256,
    lr: { rate: 0.6, per: 256 },
    warmUp: "10%",
    optimizer: soloLars(1e-6),
  }),
  heads: (model) => [
    ...mlpSpecs(projector(model)),
    {
      name: "prototypes.weight",
      shape: [model.embedding, optionOf(model, "prototypes")],
      kind: "linear.weight",
      fanIn: model.embedding,
    },
  ],
  hidden: projectorLayer(true),
  kept: (model) =>
    QUEUES.map((name) => ({
      name,
      shape: [optionOf(model, "queue"), model.embedding],
      kind: "buffer",
      kept: true,
    })),
  scalars: ({ step, stepsPerEpoch }, model) => ({
    queued: Number(step >= optionOf(model, "queueFrom") * stepsPerEpoch),
    free: Number(step >= optionOf(model, "frozen") * stepsPerEpoch),
  }),
  gates: { "prototypes.weight": "free" },
  step({ scope, x, views, model, kept, scalars, loss: { eps }, gather }) {
    const each = eachView(scope, x, views, projected(projector(model), model));
    const ownZ = normalizeRows(stacked(each));
    const weight = scope.tensors["prototypes.weight"]!;
    const length = tf.sqrt(tf.sum(tf.square(weight), 0, true));
    const prototypes = tf.div(weight, length);
    // Of a replica's own rows: its gradient of the prototypes is a part of the sum.
    const products = gather(tf.matMul(ownZ, prototypes), views);
    const z = gather(ownZ, views);
    const [rows, d] = z.shape as [number, number], images = rows / views;
    const size = optionOf(model, "queue"), k = optionOf(model, "prototypes");
    const counted = tf.concat([
      tf.ones([images]),
      tf.mul(tf.ones([size]), scalars.queued!),
    ]);
    const options = {
      epsilon: optionOf(model, "epsilon"),
      iterations: optionOf(model, "iterations"),
      counted,
    };
    const byView = Array.from({ length: views }, (_, view) => {
      const own = tf.slice(z, [view * images, 0], [images, d]);
      const cosines = tf.slice(products, [view * images, 0], [images, k]);
      const queue = kept[QUEUES[view]!]!;
      const assigned = withoutGradient(
        () => {
          const old = tf.matMul(toFloat32(queue), prototypes);
          const all = sinkhorn(tf.concat([cosines, old]), options);
          return tf.slice(all, [0, 0], [images, k]);
        },
        cosines,
        prototypes,
      );
      const next = tf.concat([own, toFloat32(queue)]);
      return {
        cosines,
        assigned,
        queue: tf.slice(next, [0, 0], [size, d]),
      };
    });
    const temperature = optionOf(model, "temperature");
    const swapped = (assigned: number, predicted: number) =>
      crossEntropy(
        byView[assigned]!.assigned,
        byView[predicted]!.cosines,
        temperature,
      );
    const loss = tf.mul(tf.add(swapped(0, 1), swapped(1, 0)), 0.5);
    return {
      loss,
      ...reportedMetrics(z, views, eps),
      kept: Object.fromEntries(
        byView.map(({ queue }, view) => [QUEUES[view]!, queue]),
      ),
    };
  },
};
