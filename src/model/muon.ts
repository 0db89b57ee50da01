/**
 * Muon (Jordan et al., «Muon: An optimizer for hidden layers in neural networks»,
 * 2024), as `torch.optim.Muon`, for the filters of convolutions: a filter moves along
 * its momentum with all singular values set to about 1, so that the directions in
 * which gradients are weak are learned as fast as the strong ones.
 *
 * Here, as with LARS, the length of a step is relative to the filter's own, which
 * makes one learning rate fit all layers.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { squaredNorm } from "./kernels.ts";
import { momentumOf, type MomentumOptions, type SgdResult } from "./sgd.ts";

/** The coefficients of `torch.optim.Muon`, and how often they are applied. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ITERATIONS = 5;

/**
 * The length of a step relative to the filter's norm, at a learning rate of 1:
 * with the default rate, 0.3, each step moves a filter by 6 % of its norm.
 */
export const MUON_TRUST = 0.2;

/** Whether Muon applies: to filters `H×W×C×D`, not to linear layers. */
export function isFilter({ rank }: tf.Tensor): boolean {
  return rank === 4;
}

/** x / ‖x‖, and zero if x is zero. */
function toUnitNorm(x: tf.Tensor): tf.Tensor {
  return tf.div(x, tf.add(tf.sqrt(squaredNorm(x)), 1e-12));
}

/**
 * U·Vᵀ of a matrix U·Σ·Vᵀ, approximately: singular values come between 0.7 and 1.2,
 * those below a thousandth of the matrix's norm stay smaller.
 *
 * Newton and Schulz's iteration X ← a·X + b·G·X + c·G²·X, where G = X·Xᵀ. The
 * iterations are polynomials of the first, smaller Gram matrix, so that only this
 * matrix is multiplied: of a filter of 4608 × 512 that is two fifths of the work.
 *
 * @param matrix `rows×columns`.
 */
export function orthogonalize(matrix: tf.Tensor): tf.Tensor {
  const x = toUnitNorm(matrix);
  const [rows, columns] = matrix.shape as [number, number];
  const isWide = rows < columns;
  let gram = tf.matMul(x, x, !isWide, isWide);
  // The iterations so far multiply x by scale·I + rest.
  let scale = 1, rest: tf.Tensor | undefined;
  for (let i = 0; i < ITERATIONS; i++) {
    // An iteration multiplies x by a·I + p.
    const square = tf.matMul(gram, gram);
    const p = tf.add(tf.mul(gram, B), tf.mul(square, C));
    const own = tf.mul(p, scale);
    rest = rest === undefined
      ? own
      : tf.add(own, tf.add(tf.mul(rest, A), tf.matMul(p, rest)));
    scale *= A;
    if (i === ITERATIONS - 1) break;
    // (a·I + p)·G·(a·I + p): polynomials of one matrix commute.
    const product = tf.matMul(p, gram);
    gram = tf.add(
      tf.add(tf.mul(gram, A * A), tf.mul(product, 2 * A)),
      tf.matMul(p, product),
    );
  }
  const moved = isWide ? tf.matMul(rest!, x) : tf.matMul(x, rest!);
  return tf.add(tf.mul(x, scale), moved);
}

/**
 * One step for one filter: p − lr·τ·‖p‖·O/‖O‖, where O is the orthogonalised
 * direction of Nesterov's momentum and τ is {@linkcode MUON_TRUST}. There is no weight decay: the batch norm after a
 * filter takes its norm away.
 *
 * @param parameter p, `H×W×C×D`: a matrix of H·W·C × D.
 * @param buffer The momentum buffer, zero before the first step.
 * @param gradient g.
 * @param options The learning rate, a scalar, and the momentum.
 */
export function muonStep(
  parameter: tf.Tensor,
  buffer: tf.Tensor,
  gradient: tf.Tensor,
  { learningRate, ...options }: MomentumOptions & { learningRate: tf.Tensor },
): SgdResult {
  const next = momentumOf(buffer, gradient, options);
  const columns = parameter.shape.at(-1)!;
  const matrix = tf.reshape(next.direction, [-1, columns]);
  const unit = toUnitNorm(orthogonalize(matrix));
  const norm = tf.sqrt(squaredNorm(parameter));
  const length = tf.mul(tf.mul(norm, learningRate), MUON_TRUST);
  const step = tf.reshape(tf.mul(unit, length), parameter.shape);
  return { parameter: tf.sub(parameter, step), buffer: next.buffer };
}
