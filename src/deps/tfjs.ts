/**
 * TensorFlow.js core: tensors, ops and the gradient tape that the model is
 * written with. The version is pinned only here.
 *
 * @module
 */
export * from "npm:@tensorflow/tfjs-core@4.22.0";
