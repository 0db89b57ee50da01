/**
 * TensorFlow.js core: tensors, ops and the gradient tape that the model is
 * written with. The version stands here and nowhere else.
 *
 * @module
 */
export * from "npm:@tensorflow/tfjs-core@4.22.0";
