/**
 * The learning rate: cosine from its start to zero, each step, no warm-up
 * (`CosineAnnealingLR` with the true number of steps; Loshchilov and Hutter,
 * «SGDR», 2017).
 *
 * @module
 */

/**
 * The learning rate of one step.
 *
 * @param step The step, from 0.
 * @param options All steps of the run, and the rate of step 0.
 *
 * @example Half-way it is half
 * ```ts
 * import { cosineLearningRate } from "./schedule.ts";
 *
 * const rate = cosineLearningRate(5, { steps: 10, base: 0.3 });
 * console.assert(Math.abs(rate - 0.15) < 1e-12);
 * ```
 */
export function cosineLearningRate(
  step: number,
  { steps, base }: { steps: number; base: number },
): number {
  return base * (1 + Math.cos(Math.PI * step / steps)) / 2;
}
