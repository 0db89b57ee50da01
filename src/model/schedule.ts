/**
 * The learning rate by step. By default a cosine from the initial rate to zero without
 * warm-up (`CosineAnnealingLR` with the true number of steps; Loshchilov and Hutter,
 * «SGDR», 2017); a run may choose a linear decay and a warm-up.
 *
 * @module
 */

/** How the learning rate decays to zero. */
export const SCHEDULES = ["cosine", "linear"] as const;

/** One of {@linkcode SCHEDULES}. */
export type Schedule = typeof SCHEDULES[number];

/** The whole schedule of a run. */
export interface ScheduleOptions {
  /** Steps of the run. */
  steps: number;
  /** The highest learning rate. */
  base: number;
  /** The decay: cosine by default. */
  schedule?: Schedule;
  /** The n steps of the warm-up, from base/n to base: 0 by default. */
  warmUpSteps?: number;
}

/**
 * The learning rate of one step: linear warm-up (Goyal et al., «Accurate, Large
 * Minibatch SGD», 2017, section 2.2), then the decay over the remaining steps.
 *
 * @param step The step, from 0.
 * @param options See {@linkcode ScheduleOptions}.
 *
 * @example Up in two steps, then down by a line
 * ```ts
 * import { learningRate } from "./schedule.ts";
 *
 * const run = { steps: 6, base: 1, schedule: "linear", warmUpSteps: 2 } as const;
 * const rates = [0, 1, 2, 3].map((step) => learningRate(step, run));
 * console.assert(rates.join() === "0.5,1,1,0.75");
 * ```
 */
export function learningRate(
  step: number,
  { steps, base, schedule = "cosine", warmUpSteps = 0 }: ScheduleOptions,
): number {
  if (step < warmUpSteps) return base * (step + 1) / warmUpSteps;
  const done = (step - warmUpSteps) / (steps - warmUpSteps);
  return schedule === "cosine"
    ? base * (1 + Math.cos(Math.PI * done)) / 2
    : base * (1 - done);
}
