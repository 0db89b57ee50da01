/**
 * The spectrum of Z̄: singular values, effective rank, principal components.
 *
 * @module
 */
import { EigenvalueDecomposition, Matrix } from "../deps/linear_algebra.ts";

/** A Gram matrix of b images from its `b×b` numbers. */
function matrixOf(gram: Float32Array): Matrix {
  const b = Math.sqrt(gram.length);
  return Matrix.from1DArray(b, b, gram);
}

/**
 * The singular values of Z̄, in descending order.
 *
 * @param gram Z̄Z̄ᵀ, `b×b` numbers.
 */
export function singularValues(gram: Float32Array): number[] {
  const { realEigenvalues } = new EigenvalueDecomposition(matrixOf(gram), {
    assumeSymmetric: true,
  });
  return realEigenvalues.map((value) => Math.sqrt(Math.max(value, 0)))
    .sort((a, b) => b - a);
}

/**
 * The effective rank of Z̄: the exponential of the entropy of its singular values,
 * normalised to sum 1 (Roy and Vetterli, «The effective rank», 2007). It is 1 if all
 * images have the same embedding, and b if all embeddings are orthogonal.
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

/**
 * The coordinates of each image along the first two principal components of Z̄, from the
 * eigenvectors of its centred Gram matrix.
 *
 * @param gram Z̄Z̄ᵀ, `b×b` numbers.
 * @returns A pair of coordinates for each image.
 */
export function principalMap(gram: Float32Array): [number, number][] {
  const matrix = matrixOf(gram);
  const rows = matrix.mean("row"), all = matrix.mean();
  const centred = Matrix.from1DArray(
    matrix.rows,
    matrix.columns,
    matrix.to1DArray().map((value, at) =>
      value - rows[Math.floor(at / matrix.columns)]! -
      rows[at % matrix.columns]! + all
    ),
  );
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(
    centred,
    { assumeSymmetric: true },
  );
  const order = realEigenvalues.map((_, i) => i)
    .sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  const component = (image: number, nth: number) => {
    const at = order[nth];
    if (at === undefined) return 0;
    const length = Math.sqrt(Math.max(realEigenvalues[at]!, 0));
    return eigenvectorMatrix.get(image, at) * length;
  };
  return Array.from(
    { length: matrix.rows },
    (_, image) => [component(image, 0), component(image, 1)],
  );
}
