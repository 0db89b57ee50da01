/**
 * TensorFlow.js's loader of graph models, with which exports for it are checked. It is
 * loaded on first use.
 *
 * @module
 */
import type * as tf from "./tfjs.ts";

/** The part of a graph model that is used. */
interface GraphModel {
  predict(input: tf.Tensor): tf.Tensor;
  dispose(): void;
}

/** Not a literal in import(), or Deno would download it for every user. */
const PACKAGE = "npm:@tensorflow/tfjs-converter@4.22.0";

/** Loads a graph model. */
export async function loadGraphModel(
  handler: tf.io.IOHandler,
): Promise<GraphModel> {
  const { loadGraphModel } = await import(PACKAGE);
  return await loadGraphModel(handler);
}
