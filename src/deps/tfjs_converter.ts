/**
 * The loader of graph models of TensorFlow.js, which checks what is exported for
 * it. It is loaded on first use.
 *
 * @module
 */
import type * as tf from "./tfjs.ts";

/** What is used of a graph model. */
interface GraphModel {
  predict(input: tf.Tensor): tf.Tensor;
  dispose(): void;
}

/** Not written where it is imported: Deno would fetch it for all. */
const PACKAGE = "npm:@tensorflow/tfjs-converter@4.22.0";

/** Loads a graph model. */
export async function loadGraphModel(
  handler: tf.io.IOHandler,
): Promise<GraphModel> {
  const { loadGraphModel } = await import(PACKAGE);
  return await loadGraphModel(handler);
}
