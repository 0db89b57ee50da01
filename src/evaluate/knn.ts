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
import { EmpSslError } from "../common/errors.ts";

/** Settings of the classifier. */
export interface KnnOptions {
  /** Neighbours that vote. */
  k: number;
  /** The temperature T. */
  temperature: number;
  /** How many classes there are. */
  classes: number;
  /** Called between blocks of the training rows; ends the work by throwing. */
  pause?: () => Promise<void>;
}

/** Rows per block of the training features, and of the test features. */
const BANK = 8192, QUERIES = 250;

function notFinite(): EmpSslError {
  return new EmpSslError({
    action: "compute",
    subject: "the nearest neighbours",
    found: "a feature is not finite",
    remedy:
      "choose an earlier checkpoint: the weights of this one have diverged",
    code: "NOT_FINITE",
  });
}

/** The best neighbours so far of each test row, best first. */
class Neighbours {
  readonly similarity: Float32Array;
  readonly index: Int32Array;
  readonly #k: number;

  constructor(count: number, k: number) {
    this.#k = k;
    this.similarity = new Float32Array(count * k).fill(-Infinity);
    this.index = new Int32Array(count * k);
  }

  /** Merges candidates, best first, into the neighbours of a row. */
  merge(row: number, similarity: Float32Array, index: ArrayLike<number>) {
    const k = this.#k, at = row * k;
    const old = this.similarity.slice(at, at + k);
    const oldIndex = this.index.slice(at, at + k);
    for (let i = 0, mine = 0, theirs = 0; i < k; i++) {
      const other = similarity[theirs] ?? -Infinity;
      if (Number.isNaN(other)) throw notFinite();
      const takeOld = old[mine]! >= other;
      this.similarity[at + i] = takeOld ? old[mine]! : other;
      this.index[at + i] = takeOld ? oldIndex[mine++]! : index[theirs++]!;
    }
  }
}

/** The neighbours of some test rows in one block of training rows. */
async function nearest(
  bank: tf.Tensor,
  rows: Float32Array,
  k: number,
): Promise<{ values: Float32Array; indices: Int32Array }> {
  const width = bank.shape[1]!;
  const top = tf.tidy(() => {
    const queries = normalizeRows(
      tf.tensor(rows, [rows.length / width, width]),
    );
    return tf.topk(tf.matMul(queries, bank, false, true), k);
  });
  const [values, indices] = await Promise.all([
    top.values.data(),
    top.indices.data(),
  ]);
  tf.dispose([top.values, top.indices]);
  return { values: values as Float32Array, indices: indices as Int32Array };
}

/**
 * Classifies the test rows by the training rows, both in blocks.
 *
 * @param train Training features; if there are fewer than `k`, all vote.
 * @param test Test features.
 * @param options See {@linkcode KnnOptions}.
 */
export async function knn(
  train: Features,
  test: Features,
  { k, temperature, classes, pause }: KnnOptions,
): Promise<Accuracy> {
  const all = Math.min(k, train.count);
  const found = new Neighbours(test.count, all);
  for (const block of train.blocks(BANK)) {
    const length = block.rows.length / train.width;
    const bank = tf.tidy(() =>
      normalizeRows(tf.tensor(block.rows, [length, train.width]))
    );
    const near = Math.min(all, length);
    for (const { first, rows } of test.blocks(QUERIES)) {
      const { values, indices } = await nearest(bank, rows, near);
      for (let i = 0; i * near < values.length; i++) {
        const span = [i * near, (i + 1) * near] as const;
        const places = indices.subarray(...span).map((j) => j + block.first);
        found.merge(first + i, values.subarray(...span), places);
      }
    }
    bank.dispose();
    await pause?.();
  }
  const counter = new AccuracyCounter();
  for (let row = 0; row < test.count; row++) {
    const scores = new Float32Array(classes);
    for (let i = row * all; i < (row + 1) * all; i++) {
      const label = train.labels[found.index[i]!]!;
      if (label < 0) continue;
      scores[label]! += Math.exp(found.similarity[i]! / temperature);
    }
    counter.add(scores, test.labels.subarray(row, row + 1));
  }
  return counter.accuracy;
}
