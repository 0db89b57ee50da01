/**
 * How well the training metrics of runs predict their linear accuracy.
 *
 * @module
 */
import type { StepMetrics } from "../train/events.ts";
import type { ResolvedConfig } from "../checkpoint/run_config.ts";
import { settingOf } from "../checkpoint/settings.ts";
import { type Accuracy, evaluatedAlike } from "./comparison.ts";
import type { RunRecord } from "./run_record.ts";

/** Training metrics at the end of a run, and their names in figures. */
export const SIGNS = {
  loss: "loss",
  invariance: "invariance",
  tcr: "total coding rate",
  effectiveRank: "effective rank of z̄",
} as const satisfies Partial<Record<keyof StepMetrics, string>>;

/** One of {@linkcode SIGNS}. */
export type Sign = keyof typeof SIGNS;

/** Number of last steps over which a metric is averaged. */
const LAST_STEPS = 10;
/** Minimum number of runs for a correlation. */
const FEWEST = 5;

/** The mean of a metric over the last ten steps. */
export function lastOf(steps: StepMetrics[], sign: Sign): number {
  const end = steps.slice(-LAST_STEPS);
  return end.reduce((sum, step) => sum + step[sign], 0) / end.length;
}

/** The rank of each value, from 1; equal values have the mean of their ranks. */
function ranksOf(values: number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

/**
 * Spearman's rank correlation: 1 where both rise together, −1 where one falls as the
 * other rises. NaN where one of them is constant.
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

/**
 * Settings that must be equal for a metric to be comparable between two runs: the
 * method, and the weights of the loss, ε and b in the coding rate, b in the rank.
 */
const COMPARABLE: Record<Sign, readonly (keyof ResolvedConfig)[]> = {
  loss: ["method", "methodOptions", "patchSim", "tcr", "eps", "bs"],
  invariance: ["method"],
  tcr: ["method", "eps", "bs"],
  effectiveRank: ["method", "bs"],
};

/** One metric and the accuracy, over runs in which the metric is comparable. */
export interface SignOfAccuracy {
  sign: Sign;
  /** How the runs were evaluated. */
  kind: string;
  /** Each run: its name, its linear accuracy, and the metric at its end. */
  runs: { name: string; linear: number; last: number }[];
  /** Spearman's rank correlation of the two. */
  correlation: number;
}

/** The largest group of runs in which some settings are equal. */
function largestGroup(
  runs: Accuracy[],
  settings: readonly (keyof ResolvedConfig)[],
): Accuracy[] {
  const groups = Map.groupBy(
    runs,
    ({ run }) =>
      JSON.stringify(settings.map((name) => settingOf(run.config, name))),
  );
  return [...groups.values()].toSorted((a, b) => b.length - a.length)[0] ?? [];
}

/**
 * The rank correlation of each metric with the linear accuracy. A metric is left out
 * where fewer than five runs were evaluated alike and are comparable in it, or where it
 * is constant.
 */
export function signsOf(records: RunRecord[]): SignOfAccuracy[] {
  const alike = evaluatedAlike(records);
  const known = alike?.runs.filter(({ linear }) => linear !== undefined) ?? [];
  return (Object.keys(SIGNS) as Sign[]).flatMap((sign) => {
    const runs = largestGroup(known, COMPARABLE[sign])
      .map(({ run, linear }) => ({
        name: run.name,
        linear: linear!,
        last: lastOf(run.steps, sign),
      }));
    const correlation = rankCorrelation(
      runs.map(({ last }) => last),
      runs.map(({ linear }) => linear),
    );
    return runs.length < FEWEST || Number.isNaN(correlation)
      ? []
      : [{ sign, kind: alike!.kind, runs, correlation }];
  });
}
