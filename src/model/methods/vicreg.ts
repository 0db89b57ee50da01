/**
 * VICReg: Bardes, Ponce and LeCun, «VICReg: Variance-Invariance-Covariance
 * Regularization for Self-Supervised Learning», arXiv 2105.04906, with solo-learn's
 * constants.
 *
 * With z and z′ the b×d embeddings of the two views (section 4.1):
 *
 *     s = mean over all entries of (z − z′)²
 *     v(z) = mean over j of max(0, 1 − √(Var(z_j) + 10⁻⁴))
 *     c(z) = 1/d Σ_{i≠j} C(z)_ij²,   C(z) = (z − z̄)ᵀ(z − z̄) / (b − 1)
 *     L = 25 s + 25 (v(z) + v(z′)) + (c(z) + c(z′))
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import type { ModelConfig } from "../architectures.ts";
import { relu } from "../kernels.ts";
import { normalizeRows } from "../projector.ts";
import type { Method } from "./method.ts";
import { optionOf } from "./options.ts";
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
import { view, WEAKER } from "./recipes.ts";

const projector = (model: ModelConfig) =>
  projectorOf(model, { norms: true, hidden: 2 });

/** The weights of the three terms. */
interface Weights {
  invariance: number;
  variance: number;
  covariance: number;
}

/**
 * The loss.
 *
 * The sum of the squares of C is computed from the smaller of two matrices, since
 * ‖AᵀA‖ = ‖AAᵀ‖: for b < d the b×b matrix of row products has d²/b² times fewer entries.
 *
 * @param z Embeddings of both views, `2b×d`, view-major, not normalised.
 * @returns A scalar.
 */
export function vicregLoss(z: tf.Tensor, weights: Weights): tf.Tensor {
  const [rows, d] = z.shape as [number, number], b = rows / 2;
  const views = [0, b].map((at) => tf.slice(z, [at, 0], [b, d]));
  const [one, other] = views as [tf.Tensor, tf.Tensor];
  const similarity = tf.mean(tf.square(tf.sub(one, other)));
  const terms = views.map((view) => {
    const centred = tf.sub(view, tf.mean(view, 0, true));
    const variance = tf.mul(tf.sum(tf.square(centred), 0), 1 / (b - 1));
    const deviation = tf.sqrt(tf.add(variance, 1e-4));
    const products = tf.matMul(centred, centred, b > d, b <= d);
    const all = tf.mul(tf.sum(tf.square(products)), 1 / (b - 1) ** 2);
    const diagonal = tf.sum(tf.square(variance));
    return {
      variance: tf.mean(relu(tf.sub(1, deviation))),
      covariance: tf.mul(tf.sub(all, diagonal), 1 / d),
    };
  });
  const sum = (term: "variance" | "covariance") =>
    tf.add(terms[0]![term], terms[1]![term]);
  return tf.addN([
    tf.mul(similarity, weights.invariance),
    tf.mul(sum("variance"), weights.variance),
    tf.mul(sum("covariance"), weights.covariance),
  ]);
}

/** See the module's description. */
export const VICREG: Method = {
  ...TWO_VIEWS,
  name: "vicreg",
  title: "VICReg (Bardes et al., 2022)",
  views(choice) {
    const blur = choice.imagenet ? 0.5 : 0;
    const both = view(
      { scale: 0.2, jitter: WEAKER, blur, solarize: 0.1 },
      choice,
    );
    return [both, both];
  },
  options: { invariance: 25, variance: 25, covariance: 1 },
  widths: { hidden: 2048, embedding: 2048 },
  defaults: () => ({
    bs: 256,
    lr: { rate: 0.3, per: 256 },
    warmUp: "10%",
    // Biases and batch norms, which LARS does not scale, diverge with a shorter warm-up:
    // with 31 steps within 12, in PyTorch too; with 150 they do not.
    leastWarmUpSteps: 150,
    optimizer: soloLars(1e-4),
  }),
  heads: (model) => mlpSpecs(projector(model)),
  hidden: projectorLayer(true),
  step({ scope, x, views, model, loss: { eps }, gather }) {
    const each = eachView(scope, x, views, projected(projector(model), model));
    const all = gather(stacked(each), views);
    const loss = vicregLoss(all, {
      invariance: optionOf(model, "invariance"),
      variance: optionOf(model, "variance"),
      covariance: optionOf(model, "covariance"),
    });
    const z = normalizeRows(all);
    return { loss, ...reportedMetrics(z, views, eps), kept: {} };
  },
};
