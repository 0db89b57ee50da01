/**
 * Pairwise cosine similarity of the images of a small set.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { normalizeRows } from "../model/projector.ts";
import type { Features } from "./features.ts";

/** The cosine similarity of every two rows: `count × count` numbers. */
export async function cosines(features: Features): Promise<Float32Array> {
  const { count, width } = features;
  const all = features.rows(Array.from({ length: count }, (_, i) => i));
  const product = tf.tidy(() => {
    const rows = normalizeRows(tf.tensor2d(all, [count, width]));
    return tf.matMul(rows, rows, false, true);
  });
  const values = await product.data() as Float32Array;
  product.dispose();
  return values;
}
