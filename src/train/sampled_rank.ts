/**
 * Computes the effective rank only at some steps if it would be too slow at every one.
 *
 * @module
 */
import { effectiveRank } from "./spectrum.ts";

/** The fraction of the steps' time that the effective rank may take. */
const SHARE = 0.01;

/**
 * The effective rank of each step, or of the last step for which it was computed: it is
 * computed every n steps, so that it takes at most 1 % of their time.
 *
 * @example For a long step the rank is computed
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
  readonly #low: number;

  /**
   * @param options `now` is a clock that returns milliseconds. A rank under `low` is
   * computed again at the next step, so that one low value does not stand for several
   * steps.
   */
  constructor(
    { now = () => performance.now(), low = 0 }: {
      now?: () => number;
      low?: number;
    } = {},
  ) {
    this.#now = now;
    this.#low = low;
  }

  /**
   * The rank at a step.
   *
   * @param gram Z̄Z̄ᵀ.
   * @param seconds The duration of the step.
   */
  of(gram: Float32Array, seconds: number): number {
    if (this.#wait-- > 0 && !(this.#last < this.#low)) return this.#last;
    const begin = this.#now();
    this.#last = effectiveRank(gram);
    const taken = (this.#now() - begin) / 1000;
    this.#wait = Math.ceil(taken / (SHARE * Math.max(seconds, 1e-6))) - 1;
    return this.#last;
  }
}
