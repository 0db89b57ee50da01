/**
 * The effective rank where it would cost too much to compute at every step.
 *
 * @module
 */
import { effectiveRank } from "./spectrum.ts";

/** The share of a step that the effective rank may take. */
const SHARE = 0.01;

/**
 * The effective rank of each step, or of the last step that it was computed for:
 * every n steps, so that it takes a hundredth of their time.
 *
 * @example A step that takes long has its own rank
 * ```ts
 * import { SampledRank } from "./sampled_rank.ts";
 *
 * const rank = new SampledRank();
 * const first = rank.of(Float32Array.of(1, 0, 0, 1), 10);
 * const second = rank.of(Float32Array.of(1, 1, 1, 1), 10);
 * console.assert(first > 1.99 && second < 1.01);
 * ```
 */
export class SampledRank {
  #now: () => number;
  #last = NaN;
  #wait = 0;

  /** @param now A clock, in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * The rank at a step.
   *
   * @param gram Z̄Z̄ᵀ.
   * @param seconds What the step took.
   */
  of(gram: Float32Array, seconds: number): number {
    if (this.#wait-- > 0) return this.#last;
    const begin = this.#now();
    this.#last = effectiveRank(gram);
    const taken = (this.#now() - begin) / 1000;
    this.#wait = Math.ceil(taken / (SHARE * Math.max(seconds, 1e-6))) - 1;
    return this.#last;
  }
}
