/**
 * Top-1 and top-5 accuracy.
 *
 * @module
 */

/** Shares of the test images, from 0 to 1. */
export interface Accuracy {
  /** The true class scores highest. */
  top1: number;
  /** It is among the five highest. */
  top5: number;
}

/** Counts hits batch by batch. */
export class AccuracyCounter {
  #top1 = 0;
  #top5 = 0;
  #count = 0;

  /**
   * Adds a batch.
   *
   * @param scores `labels.length × classes`.
   * @param labels The true classes; rows with a negative one do not count.
   */
  add(scores: Float32Array, labels: ArrayLike<number>): void {
    const classes = scores.length / labels.length;
    for (let i = 0; i < labels.length; i++) {
      if (labels[i] < 0) continue;
      const row = scores.subarray(i * classes, (i + 1) * classes);
      const own = row[labels[i]];
      // Ties count for the class that comes first, as argmax does.
      let better = 0;
      for (let c = 0; c < classes; c++) {
        if (row[c] > own || (row[c] === own && c < labels[i])) better++;
      }
      if (better < 1) this.#top1++;
      if (better < 5) this.#top5++;
      this.#count++;
    }
  }

  /** The shares so far. */
  get accuracy(): Accuracy {
    return { top1: this.#top1 / this.#count, top5: this.#top5 / this.#count };
  }
}
