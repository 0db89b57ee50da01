/**
 * Methods side by side: the length of training, and the accuracy by each protocol.
 *
 * @module
 */
import { percent } from "../common/percent.ts";
import { basename } from "node:path";
import { folderName, isFixedSet } from "../data/catalog.ts";
import type { EvaluationResult } from "../evaluate/evaluate.ts";
import { checkpointFile, isOfStep } from "../evaluate/evaluation_record.ts";
import { changedText } from "../evaluate/probe_choices.ts";
import { methodNamed } from "../model/methods/methods.ts";
import { type RunRecord, secondsOf, stepsMade } from "./run_record.ts";

/** `the whole image`, or how many patches of it. */
export function protocolText(
  { protocol, testPatches }: Pick<EvaluationResult, "protocol" | "testPatches">,
): string {
  return protocol === "whole" ? "the whole image" : `${testPatches} patches`;
}

/** Protocol and layer of an evaluation: `16 patches, hidden layer`. */
export function evaluatedOn(evaluation: EvaluationResult): string {
  const layer = evaluation.features === "backbone"
    ? "backbone"
    : "hidden layer";
  const weights = evaluation.untrained ? ", random weights" : "";
  const changed = changedText(evaluation.changed);
  return `${protocolText(evaluation)}, ${layer}${weights}${changed}`;
}

/** A run with its accuracies by one kind of evaluation, 0 to 1. */
export interface Accuracy extends Accuracies {
  run: RunRecord;
}

/** What has to be equal for accuracies to be comparable, as a key. */
export function evaluatedBy(evaluation: EvaluationResult): string {
  const { data, dataDir, dataOptions, classes, chosenClasses, images } =
    evaluation;
  return JSON.stringify([
    [data, dataOptions, classes, images.train, images.test],
    evaluatedOn(evaluation),
    // Of the file, too, the name and not the path.
    [folderName(data, dataDir), chosenClasses && basename(chosenClasses)],
  ]);
}

/** An evaluation's linear and kNN accuracy, 0 to 1, as far as it has them. */
export interface Accuracies {
  linear?: number;
  knn?: number;
}

/** Whether an evaluation is of the weights after a run's last step, or of random ones. */
function isOfTheEnd(
  evaluation: EvaluationResult,
  { steps }: RunRecord,
): boolean {
  return evaluation.untrained || isOfStep(evaluation, stepsMade(steps));
}

/**
 * The accuracies of the last checkpoint among evaluations of one kind, and its step where
 * that is not the run's last one.
 */
function lastAccuracies(
  run: RunRecord,
  evaluations: EvaluationResult[],
): Accuracies & { step?: number } {
  // The last checkpoint, even if another was evaluated later.
  const last = evaluations.map(checkpointFile).toSorted().at(-1);
  const own = evaluations.filter((e) => checkpointFile(e) === last);
  return {
    linear: own.findLast(({ linear }) => linear)?.linear?.last.top1,
    knn: own.findLast(({ knn }) => knn)?.knn?.top1,
    step: own[0] === undefined || isOfTheEnd(own[0], run)
      ? undefined
      : Number(/\d+/.exec(last!)?.[0]),
  };
}

/** Whether an evaluation was made for an accuracy, and not for features alone. */
function hasAccuracy({ linear, knn }: EvaluationResult): boolean {
  return linear !== undefined || knn !== undefined;
}

/**
 * The runs that were evaluated at their end in the most frequent way, on the same number
 * of images of the same data; undefined where none was.
 */
export function evaluatedAlike(
  runs: RunRecord[],
): { kind: string; runs: Accuracy[] } | undefined {
  const atEnd = (run: RunRecord) =>
    run.evaluations.filter((e) =>
      isOfTheEnd(e, run) && hasAccuracy(e) && !e.untrained
    );
  const ways = runs.flatMap((run) => [
    ...new Set(atEnd(run).map(evaluatedBy)),
  ]);
  const often = (way: string) => ways.filter((other) => other === way).length;
  const [way] = ways.toSorted((a, b) => often(b) - often(a));
  const found = runs.flatMap((run) => {
    const own = atEnd(run).filter((e) => evaluatedBy(e) === way);
    return own.length === 0 ? [] : [{ run, own }];
  });
  if (found.length === 0) return undefined;
  return {
    kind: evaluatedOn(found[0]!.own[0]!),
    runs: found.map(({ run, own }) => ({ run, ...lastAccuracies(run, own) })),
  };
}

/**
 * The kinds of evaluation of some runs. Those of one protocol and layer that differ in
 * their data are told apart by it.
 */
function kindsOf(runs: RunRecord[]): { key: string; title: string }[] {
  const all = runs.flatMap(({ evaluations }) => evaluations)
    .filter(hasAccuracy);
  const first = new Map(all.map((e) => [evaluatedBy(e), e]));
  return [...first].map(([key, evaluation]) => {
    const title = evaluatedOn(evaluation);
    const others = [...first.values()].filter((e) => evaluatedOn(e) === title);
    const { data, dataOptions, classes, images, dataDir } = evaluation;
    const folder = isFixedSet(data) ? undefined : dataDir;
    const options = (folder ? ` in ${folder}` : "") +
      (dataOptions ? ` ${JSON.stringify(dataOptions)}` : "");
    return {
      key,
      title: others.length === 1
        ? title
        : `${title}, ${data}${options}, ${classes} classes, ` +
          `${images.train} and ${images.test} images`,
    };
  });
}

/** A table of strings. */
export interface Comparison {
  /** The names of the columns. */
  head: string[];
  /** A row for each run. */
  rows: string[][];
}

/**
 * A row for each run, and for each kind of evaluation two columns: linear and
 * kNN accuracy. A kind is a protocol, a layer and the images.
 */
export function comparisonOf(runs: RunRecord[]): Comparison {
  const kinds = kindsOf(runs);
  const rows = runs.map((run) => {
    const { config, steps, evaluations } = run;
    const passes = stepsMade(steps) * config.bs * config.numPatches;
    const seconds = secondsOf(steps);
    return [
      run.name,
      methodNamed(config.method).title,
      `${stepsMade(steps)} × ${config.bs} × ${config.numPatches}`,
      passes.toLocaleString("en"),
      (seconds / 60).toFixed(1),
      ...kinds.flatMap(({ key }) => {
        const own = evaluations.filter((e) =>
          evaluatedBy(e) === key && hasAccuracy(e)
        );
        const { linear, knn, step } = lastAccuracies(run, own);
        const when = step === undefined ? "" : ` (step ${step})`;
        return [linear, knn].map((share) =>
          share === undefined ? percent(share) : percent(share) + when
        );
      }),
    ];
  });
  return {
    head: [
      "run",
      "method",
      "steps × images × views",
      "passes",
      "minutes",
      ...kinds.flatMap(({ title }) => [`${title}: linear, %`, "kNN, %"]),
    ],
    rows,
  };
}
