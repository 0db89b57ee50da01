/**
 * ml-matrix: the eigenvalues of small symmetric matrices.
 *
 * @module
 */
export { EigenvalueDecomposition, Matrix } from "npm:ml-matrix@6.15.1";
