/**
 * How many directions the embeddings of a batch fill.
 *
 * @module
 */
import { EigenvalueDecomposition, Matrix } from "../deps/linear_algebra.ts";

/** So many images tell enough, and cost a hundredth of a second. */
const MOST = 256;

/**
 * The singular values of Z̄, the largest first.
 *
 * @param gram Z̄Z̄ᵀ, `b×b` numbers; of larger batches the first 256 images count.
 */
export function singularValues(gram: Float32Array): number[] {
  const b = Math.sqrt(gram.length), size = Math.min(b, MOST);
  const matrix = new Matrix(size, size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) matrix.set(i, j, gram[i * b + j]);
  }
  const { realEigenvalues } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  return realEigenvalues.map((value) => Math.sqrt(Math.max(value, 0)))
    .sort((a, b) => b - a);
}

/**
 * The effective rank of Z̄: e to the entropy of its singular values as shares of
 * their sum (Roy and Vetterli, «The effective rank», 2007). It is 1 where all
 * images have one embedding, and b where all are at right angles.
 *
 * @param gram Z̄Z̄ᵀ, `b×b` numbers.
 */
export function effectiveRank(gram: Float32Array): number {
  const values = singularValues(gram);
  const sum = values.reduce((a, b) => a + b, 0);
  let entropy = 0;
  for (const value of values) {
    if (value > 0) entropy -= value / sum * Math.log(value / sum);
  }
  return Math.exp(entropy);
}
