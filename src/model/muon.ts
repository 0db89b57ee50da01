/**
 * Muon (Jordan et al., «Muon: An optimizer for hidden layers in neural networks»,
 * 2024), as `torch.optim.Muon`, for the filters of convolutions: a filter moves along
 * its momentum with all singular values set to about 1, so that the directions in
 * which gradients are weak are learned as fast as the strong ones.
 *
 * Here, as with LARS, the length of a step is relative to the filter's norm, which
 * makes one learning rate fit all layers. The norm itself is kept: the batch norm after
 * a filter takes it away, and steps of a fixed relative length would let it grow with
 * every step.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { norm } from "./kernels.ts";
import { momentumOf, type MomentumOptions, type SgdResult } from "./sgd.ts";

/** The coefficients of `torch.optim.Muon`, and how often they are applied. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ITERATIONS = 5;
/**
 * After so many iterations the Gram matrix is computed anew: an iteration multiplies its
 * rounding by twelve, and with TF32's 10 bits five of them would leave an error of 30 %,
 * with the new one 2 %, as of `torch.optim.Muon` in bf16.
 */
const ANEW_AFTER = 2;

/** The length of a step relative to the filter's norm, at the method's default rate. */
export const MUON_STEP = 0.06;

/** Whether Muon applies: to filters `H×W×C×D`, not to linear layers. */
export function isFilter({ rank }: tf.Tensor): boolean {
  return rank === 4;
}

/** x / ‖x‖, and zero if x is zero. */
function toUnitNorm(x: tf.Tensor): tf.Tensor {
  return tf.div(x, tf.add(norm(x), 1e-12));
}

/**
 * Some of Newton and Schulz's iterations X ← a·X + b·G·X + c·G²·X, where G = X·Xᵀ. They
 * are polynomials of the first, smaller Gram matrix, and only this matrix is multiplied:
 * of a filter of 4608 × 512 that is three fifths of the work.
 */
function iterate(x: tf.Tensor, iterations: number): tf.Tensor {
  const [rows, columns] = x.shape as [number, number];
  const isWide = rows < columns;
  let gram = tf.matMul(x, x, !isWide, isWide);
  // The iterations so far multiply x by scale·I + rest.
  let scale = 1, rest: tf.Tensor | undefined;
  for (let i = 0; i < iterations; i++) {
    // An iteration multiplies x by a·I + p.
    const square = tf.matMul(gram, gram);
    const p = tf.add(tf.mul(gram, B), tf.mul(square, C));
    const own = tf.mul(p, scale);
    rest = rest === undefined
      ? own
      : tf.add(own, tf.add(tf.mul(rest, A), tf.matMul(p, rest)));
    scale *= A;
    if (i === iterations - 1) break;
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
 * U·Vᵀ of a matrix U·Σ·Vᵀ, approximately: singular values come between 0.7 and 1.2,
 * those below a thousandth of the matrix's norm stay smaller.
 *
 * @param matrix `rows×columns`.
 */
export function orthogonalize(matrix: tf.Tensor): tf.Tensor {
  const first = iterate(toUnitNorm(matrix), ANEW_AFTER);
  return iterate(first, ITERATIONS - ANEW_AFTER);
}

/**
 * One step for one filter: p − lr·τ·‖p‖·O/‖O‖, brought back to the norm of p. O is the
 * orthogonalised direction of Nesterov's momentum. There is no weight decay.
 *
 * @param parameter p, `H×W×C×D`: a matrix of H·W·C × D.
 * @param buffer The momentum buffer, zero before the first step.
 * @param gradient g.
 * @param options The learning rate, a scalar, the momentum, and τ.
 */
export function muonStep(
  parameter: tf.Tensor,
  buffer: tf.Tensor,
  gradient: tf.Tensor,
  { learningRate, trust, ...options }: MomentumOptions & {
    learningRate: tf.Tensor;
    trust: number;
  },
): SgdResult {
  const next = momentumOf(buffer, gradient, options);
  const columns = parameter.shape.at(-1)!;
  const matrix = tf.reshape(next.direction, [-1, columns]);
  const unit = toUnitNorm(orthogonalize(matrix));
  const size = norm(parameter);
  const length = tf.mul(tf.mul(size, learningRate), trust);
  const step = tf.reshape(tf.mul(unit, length), parameter.shape);
  const moved = tf.sub(parameter, step);
  const back = tf.div(size, tf.add(norm(moved), 1e-12));
  return { parameter: tf.mul(moved, back), buffer: next.buffer };
}
