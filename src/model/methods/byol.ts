/**
 * BYOL: Grill et al., «Bootstrap Your Own Latent», arXiv 2006.07733, with
 * solo-learn's constants.
 *
 * With p the output of the network's predictor, z′ that of the target network's
 * projector, and two views a and b (equation 2, both directions):
 *
 *     L = [2 − 2 cos(p_b, z′_a)] + [2 − 2 cos(p_a, z′_b)]
 *
 * Each term is a mean over images; the two terms are added, not averaged.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import type { ModelConfig } from "../architectures.ts";
import { normalizeRows } from "../projector.ts";
import type { Method } from "./method.ts";
import { optionOf, SHARE, WIDTH } from "./options.ts";
import {
  eachView,
  forwardMlp,
  mlpSpecs,
  projected,
  projectorLayer,
  projectorOf,
  reportedMetrics,
  soloLars,
  stacked,
  TWO_VIEWS,
} from "./parts.ts";
import { view, WEAKER } from "./recipes.ts";
import { targetScope, targetStatistics, tau } from "./target.ts";

const projector = (model: ModelConfig) => projectorOf(model, { norms: true });
const predictor = (model: ModelConfig) => ({
  name: "predictor",
  widths: [model.embedding, optionOf(model, "predictor"), model.embedding],
  norms: true,
});

/**
 * The loss: the sum of both directions.
 *
 * @param p Predictions of both views, `2b×d`, view-major.
 * @param target z′ of both views, in the same order.
 * @returns A scalar from 0 to 8.
 */
export function bootstrapLoss(p: tf.Tensor, target: tf.Tensor): tf.Tensor {
  const [rows, d] = p.shape as [number, number], images = rows / 2;
  const [a, b] = [0, images].map((at) =>
    tf.slice(target, [at, 0], [images, d])
  );
  const other = tf.reshape(tf.stack([b!, a!]), [rows, d]);
  const cosines = tf.sum(
    tf.mul(normalizeRows(p), normalizeRows(other)),
    1,
  );
  return tf.sub(4, tf.mul(tf.mean(cosines), 4));
}

/** See the module's description. */
export const BYOL: Method = {
  ...TWO_VIEWS,
  name: "byol",
  title: "BYOL (Grill et al., 2020)",
  views(choice) {
    const blurs = choice.imagenet ? [1, 0.1] as const : [0, 0] as const;
    return [
      view({ jitter: WEAKER, blur: blurs[0] }, choice),
      view({ jitter: WEAKER, blur: blurs[1], solarize: 0.2 }, choice),
    ];
  },
  options: { tau: 0.99, predictor: 4096 },
  limits: { tau: SHARE, predictor: WIDTH },
  widths: { hidden: 4096, embedding: 256 },
  defaults: (imagenet) => ({
    bs: 256,
    lr: { rate: imagenet ? 0.5 : 1, per: 256 },
    warmUp: "10%",
    optimizer: soloLars(imagenet ? 1e-6 : 1e-5),
    ...imagenet ? { options: { predictor: 8192 } } : {},
  }),
  heads: (model) => [
    ...mlpSpecs(projector(model)),
    ...mlpSpecs(predictor(model)),
  ],
  hidden: projectorLayer(true),
  target: ["backbone.", "projector."],
  scalars: (progress, model) => ({
    tau: tau(optionOf(model, "tau"), progress),
  }),
  step({ scope, x, views, model, kept, loss: { eps }, gather }) {
    const network = projected(projector(model), model);
    const each = eachView(scope, x, views, (scope, x) => {
      const z = network(scope, x);
      return { z, p: forwardMlp(scope, predictor(model), z) };
    });
    const copies = targetScope(scope, kept);
    const targets = eachView(copies, x, views, network);
    const p = gather(stacked(each.map(({ p }) => p)), views);
    const target = gather(stacked(targets), views);
    const z = gather(normalizeRows(stacked(each.map(({ z }) => z))), views);
    return {
      loss: bootstrapLoss(p, target),
      ...reportedMetrics(z, views, eps),
      kept: targetStatistics(copies),
    };
  },
};
