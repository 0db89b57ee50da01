/**
 * Methods side by side: what each was given, and its accuracy by each protocol.
 *
 * @module
 */
import type { EvaluationResult } from "../evaluate/evaluate.ts";
import { methodNamed } from "../model/methods/methods.ts";
import type { RunRecord } from "./run_record.ts";

/** `the whole image`, or how many patches of it. */
export function protocolText(
  { protocol, testPatches }: Pick<EvaluationResult, "protocol" | "testPatches">,
): string {
  return protocol === "whole" ? "the whole image" : `${testPatches} patches`;
}

/** What an evaluation is of: `16 patches, hidden layer`. */
export function evaluatedOn(evaluation: EvaluationResult): string {
  const layer = evaluation.features === "backbone"
    ? "backbone"
    : "hidden layer";
  return `${protocolText(evaluation)}, ${layer}`;
}

/** A table of texts. */
export interface Comparison {
  /** The names of the columns. */
  head: string[];
  /** A row for each run. */
  rows: string[][];
}

const percent = (share: number | undefined) =>
  share === undefined ? "–" : (100 * share).toFixed(1);

/**
 * A row for each run, and for each kind of evaluation two columns: linear and
 * kNN accuracy. Numbers of different kinds never stand in one column.
 */
export function comparisonOf(runs: RunRecord[]): Comparison {
  const kinds = [
    ...new Set(runs.flatMap((run) => run.evaluations.map(evaluatedOn))),
  ];
  const rows = runs.map(({ config, steps, evaluations }) => {
    const passes = steps.length * config.bs * config.numPatches;
    const seconds = steps.reduce(
      (sum, step) => sum + step.computeSeconds + step.waitSeconds,
      0,
    );
    return [
      methodNamed(config.method).title,
      `${steps.length} × ${config.bs} × ${config.numPatches}`,
      passes.toLocaleString("en"),
      (seconds / 60).toFixed(1),
      ...kinds.flatMap((kind) => {
        const found = evaluations.findLast((e) => evaluatedOn(e) === kind);
        return [percent(found?.linear?.last.top1), percent(found?.knn?.top1)];
      }),
    ];
  });
  return {
    head: [
      "method",
      "steps × images × views",
      "passes",
      "minutes",
      ...kinds.flatMap((kind) => [`${kind}: linear, %`, "kNN, %"]),
    ],
    rows,
  };
}
