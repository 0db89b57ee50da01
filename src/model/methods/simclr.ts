/**
 * SimCLR: Chen, Kornblith, Norouzi and Hinton, «A Simple Framework for Contrastive
 * Learning of Visual Representations», arXiv 2002.05709, with solo-learn's
 * constants.
 *
 * The loss is NT-Xent (equation 1): with z of length 1 and s_ij = z_i·z_j / T,
 *
 *     L = −1/2b Σ_i log ( Σ_{j ∈ P(i)} exp s_ij / Σ_{j ≠ i} exp s_ij )
 *
 * where P(i) are the other views of the image of i.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import type { ModelConfig } from "../architectures.ts";
import { normalizeRows } from "../projector.ts";
import type { Method } from "./method.ts";
import { optionOf, TEMPERATURE } from "./options.ts";
import {
  eachView,
  mlpSpecs,
  projected,
  projectorLayer,
  projectorOf,
  reportedMetrics,
  soloLars,
  stacked,
  TWO_VIEWS,
} from "./parts.ts";
import { STRONG, view } from "./recipes.ts";

const projector = (model: ModelConfig) => projectorOf(model, { norms: false });

/**
 * NT-Xent.
 *
 * @param z `(v·b)×d`, view-major, rows of length 1.
 * @param options v, and the temperature T.
 * @returns A scalar.
 */
export function contrastiveLoss(
  z: tf.Tensor,
  { views, temperature }: { views: number; temperature: number },
): tf.Tensor {
  const [rows] = z.shape as [number, number];
  const cosines = tf.matMul(z, z, false, true);
  // Subtracting the largest possible cosine, 1, does not change the quotients.
  const e = tf.exp(tf.mul(tf.sub(cosines, 1), 1 / temperature));
  const self = tf.eye(rows);
  const image = tf.tile(tf.eye(rows / views), [views, views]);
  const positives = tf.sum(tf.mul(e, tf.sub(image, self)), 1);
  const all = tf.sum(tf.mul(e, tf.sub(1, self)), 1);
  return tf.mean(tf.sub(tf.log(all), tf.log(positives)));
}

/** See the module's description. */
export const SIMCLR: Method = {
  ...TWO_VIEWS,
  name: "simclr",
  title: "SimCLR (Chen et al., 2020)",
  views(choice) {
    const both = view({ jitter: STRONG, blur: 0.5 }, choice);
    return [both, both];
  },
  options: { temperature: 0.2 },
  limits: { temperature: TEMPERATURE },
  widths: { hidden: 2048, embedding: 256 },
  defaults: (imagenet) => ({
    bs: 256,
    lr: { rate: imagenet ? 0.3 : 0.4, per: 256 },
    warmUp: "10%",
    optimizer: soloLars(1e-4),
    ...imagenet ? { widths: { hidden: 4096, embedding: 512 } } : {},
  }),
  heads: (model) => mlpSpecs(projector(model)),
  hidden: projectorLayer(false),
  step({ scope, x, views, model, loss: { eps }, gather }) {
    const each = eachView(scope, x, views, projected(projector(model), model));
    const z = gather(normalizeRows(stacked(each)), views);
    const temperature = optionOf(model, "temperature");
    const loss = contrastiveLoss(z, { views, temperature });
    return { loss, ...reportedMetrics(z, views, eps), kept: {} };
  },
};
