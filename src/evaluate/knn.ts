/**
 * The weighted k-nearest-neighbour classifier of instance discrimination (Wu,
 * Xiong, Yu and Lin, 2018): cosine similarity, votes of weight exp(s / T).
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { normalizeRows } from "../model/projector.ts";
import { type Accuracy, AccuracyCounter } from "./accuracy.ts";
import type { Features } from "./features.ts";

/** The classifier's numbers. */
export interface KnnOptions {
  /** Neighbours that vote. */
  k: number;
  /** The temperature T. */
  temperature: number;
  /** How many classes there are. */
  classes: number;
}

/** Test rows at a time. */
const BLOCK = 250;

/**
 * Classifies the test rows by the training rows.
 *
 * @param train Training features; `k` may not be more than their count.
 * @param test Test features.
 * @param options See {@linkcode KnnOptions}.
 */
export async function knn(
  train: Features,
  test: Features,
  { k, temperature, classes }: KnnOptions,
): Promise<Accuracy> {
  const { width } = train;
  const neighbours = Math.min(k, train.labels.length);
  const bank = tf.tidy(() =>
    normalizeRows(tf.tensor(train.values, [train.labels.length, width]))
  );
  const counter = new AccuracyCounter();
  for (let at = 0; at < test.labels.length; at += BLOCK) {
    const labels = test.labels.subarray(at, at + BLOCK);
    const rows = test.values.subarray(
      at * width,
      (at + labels.length) * width,
    );
    const top = tf.tidy(() => {
      const queries = normalizeRows(tf.tensor(rows, [labels.length, width]));
      const similarity = tf.matMul(queries, bank, false, true);
      return tf.topk(similarity, neighbours);
    });
    const [values, indices] = await Promise.all([
      top.values.data(),
      top.indices.data(),
    ]);
    tf.dispose([top.values, top.indices]);
    const scores = new Float32Array(labels.length * classes);
    for (let i = 0; i < values.length; i++) {
      const row = Math.floor(i / neighbours);
      const label = train.labels[indices[i]];
      scores[row * classes + label] += Math.exp(values[i] / temperature);
    }
    counter.add(scores, labels);
  }
  bank.dispose();
  return counter.accuracy;
}
