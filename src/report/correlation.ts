/**
 * Whether what a run sees of itself tells how well its features classify.
 *
 * @module
 */
import type { StepMetrics } from "../train/events.ts";
import { evaluatedAlike } from "./comparison.ts";
import type { RunRecord } from "./run_record.ts";

/** What a run sees at its end. */
export const SIGNS = {
  loss: "loss",
  invariance: "invariance",
  tcr: "total coding rate",
  effectiveRank: "effective rank of z̄",
} as const satisfies Partial<Record<keyof StepMetrics, string>>;

/** One of {@linkcode SIGNS}. */
export type Sign = keyof typeof SIGNS;

/** Steps at the end of a run whose numbers count, as a mean. */
const LAST_STEPS = 10;
/** Runs below which a correlation says nothing. */
const FEWEST = 5;

/** A number of the last ten steps, on average. */
export function lastOf(steps: StepMetrics[], sign: Sign): number {
  const end = steps.slice(-LAST_STEPS);
  return end.reduce((sum, step) => sum + step[sign], 0) / end.length;
}

/** The rank of each value from 1 on; equal ones share the mean of theirs. */
function ranksOf(values: number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

/**
 * Spearman's rank correlation: 1 where both rise together, −1 where one falls as the
 * other rises. NaN where one of them does not change.
 *
 * @example
 * ```ts
 * import { rankCorrelation } from "./correlation.ts";
 *
 * console.assert(rankCorrelation([1, 2, 3], [10, 20, 90]) === 1);
 * ```
 */
export function rankCorrelation(x: number[], y: number[]): number {
  const [a, b] = [x, y].map(ranksOf) as [number[], number[]];
  const middle = (x.length + 1) / 2;
  const covariance = (p: number[], q: number[]) =>
    p.reduce((sum, rank, i) => sum + (rank - middle) * (q[i]! - middle), 0);
  return covariance(a, b) / Math.sqrt(covariance(a, a) * covariance(b, b));
}

/** How runs that were evaluated alike end, beside their accuracy. */
export interface Signs {
  /** How they were evaluated. */
  kind: string;
  /** Each run: its name, its linear accuracy, and what it saw at its end. */
  runs: { name: string; linear: number; last: Record<Sign, number> }[];
  /** The rank correlation of each sign with the accuracy. */
  correlations: Record<Sign, number>;
}

/**
 * The signs of some runs, and how well they tell the accuracy; nothing of fewer than
 * five runs of one method that were evaluated alike.
 */
export function signsOf(records: RunRecord[]): Signs | undefined {
  const alike = evaluatedAlike(records);
  if (alike === undefined) return undefined;
  const methods = new Set(alike.runs.map(({ run }) => run.config.method));
  const names = Object.keys(SIGNS) as Sign[];
  const runs = alike.runs.filter(({ linear }) => linear !== undefined)
    .map(({ run, linear }) => ({
      name: run.name,
      linear: linear!,
      last: Object.fromEntries(
        names.map((sign) => [sign, lastOf(run.steps, sign)]),
      ) as Record<Sign, number>,
    }));
  // Losses of different methods have nothing in common.
  if (runs.length < FEWEST || methods.size > 1) return undefined;
  const accuracies = runs.map(({ linear }) => linear);
  return {
    kind: alike.kind,
    runs,
    correlations: Object.fromEntries(
      names.map((sign) => [
        sign,
        rankCorrelation(runs.map(({ last }) => last[sign]), accuracies),
      ]),
    ) as Record<Sign, number>,
  };
}
