/**
 * Top-1 and top-5 accuracy.
 *
 * @module
 */

import { EmpSslError } from "../common/errors.ts";

function notFinite(index: number, score: number): EmpSslError {
  return new EmpSslError({
    action: "compute",
    subject: "the accuracy",
    found: `the score of class ${index} is ${score}`,
    remedy: "choose an earlier checkpoint: the weights of this one, or the " +
      "classifier on its features, have diverged",
    code: "NOT_FINITE",
  });
}

/** Shares of the test images, from 0 to 1. */
export interface Accuracy {
  /** The true class has the highest score. */
  top1: number;
  /** The true class is among the five highest scores. */
  top5: number;
}

/**
 * Accumulates accuracy over batches. Of equal scores, the lower class index wins, as
 * in `argmax`; PyTorch's `topk` leaves their order undefined.
 */
export class AccuracyCounter {
  #top1 = 0;
  #top5 = 0;
  #count = 0;

  /**
   * Adds a batch.
   *
   * @param scores `labels.length × classes`.
   * @param labels The true classes; rows with a negative label do not count.
   * @throws {EmpSslError} `NOT_FINITE` where a row that counts has a score that is
   * not finite: comparisons with NaN would count it as correct.
   */
  add(scores: Float32Array, labels: ArrayLike<number>): void {
    const classes = scores.length / labels.length;
    for (let i = 0; i < labels.length; i++) {
      if (labels[i]! < 0) continue;
      const row = scores.subarray(i * classes, (i + 1) * classes);
      const own = row[labels[i]!]!;
      let better = 0;
      for (let c = 0; c < classes; c++) {
        if (!Number.isFinite(row[c])) throw notFinite(c, row[c]!);
        if (row[c]! > own || (row[c] === own && c < labels[i]!)) better++;
      }
      if (better < 1) this.#top1++;
      if (better < 5) this.#top5++;
      this.#count++;
    }
  }

  /** The accuracy so far. */
  get accuracy(): Accuracy {
    return { top1: this.#top1 / this.#count, top5: this.#top5 / this.#count };
  }
}
