/**
 * How accuracy changes with one choice, among runs that differ in nothing else.
 *
 * @module
 */
import { COMPARED, type ResolvedConfig } from "../checkpoint/run_config.ts";
import { methodNamed } from "../model/methods/methods.ts";
import { patchSizesText } from "../stream/patch_sizes.ts";
import { type Accuracy, evaluatedAlike } from "./comparison.ts";
import type { RunRecord } from "./run_record.ts";

/** One value of a choice with its accuracies, 0 to 1. */
export interface SensitivityPoint {
  value: number | string;
  linear?: number;
  knn?: number;
}

/** Runs that differ in one choice. */
export interface Sensitivity {
  /** The choice, as a configuration names it. */
  choice: string;
  /** How they were evaluated. */
  kind: string;
  /** The values in order: a line for each setting of the other choices. */
  lines: SensitivityPoint[][];
}

/** Settings that follow from the data. */
const DERIVED: readonly string[] = ["images", "dataDigest", "recipe", "views"];

/** What a run was given, each setting as a text. */
function settingsOf({ config }: RunRecord): Map<string, string> {
  const settings = new Map<string, string>();
  for (const name of COMPARED) {
    if (DERIVED.includes(name)) continue;
    settings.set(name, JSON.stringify(config[name]) ?? "");
  }
  // Several sizes are one choice.
  settings.set("patchSize", patchSizesText(config)).delete("progressive");
  // The rate of a method with views goes with its batch.
  const { rate, per } = methodNamed(config.method).defaults(false).lr;
  if (per > 0 && config.lr === rate * config.bs / per) {
    settings.set("lr", "of the batch");
  }
  return settings;
}

function valueOf(config: ResolvedConfig, choice: string) {
  if (choice === "patchSize" && config.progressive?.length) {
    return patchSizesText(config);
  }
  const value = config[choice as keyof ResolvedConfig];
  return typeof value === "number" || typeof value === "string"
    ? value
    : undefined;
}

/** Numbers by their size; texts, or one of each, as `16`, `16,32@0.5`, `32`. */
function byValue(a: number | string, b: number | string): number {
  return typeof a === "number" && typeof b === "number"
    ? a - b
    : String(a).localeCompare(String(b), "en", { numeric: true });
}

/** A line for each setting of the other choices under which this one varies. */
function linesOf(
  choice: string,
  runs: (Accuracy & { settings: Map<string, string> })[],
): SensitivityPoint[][] {
  const groups = Map.groupBy(
    runs,
    ({ settings }) =>
      JSON.stringify([...settings].filter(([name]) => name !== choice)),
  );
  return [...groups.values()].map((group) =>
    group.flatMap(({ run, linear, knn }) => {
      const value = valueOf(run.config, choice);
      return value === undefined ? [] : [{ value, linear, knn }];
    }).toSorted((a, b) => byValue(a.value, b.value))
  ).filter((points) => new Set(points.map(({ value }) => value)).size > 1);
}

/**
 * For each choice of one number or word: the accuracies of runs that differ in it and
 * in nothing else. Seeds count too; runs that were not trained to their end do not.
 */
export function sensitivities(records: RunRecord[]): Sensitivity[] {
  const whole = records.filter(({ steps, config }) =>
    steps.length === config.steps
  );
  const alike = evaluatedAlike(whole);
  if (alike === undefined) return [];
  const runs = alike.runs.map((own) => ({
    ...own,
    settings: settingsOf(own.run),
  }));
  return COMPARED.map((choice) => ({
    choice,
    kind: alike.kind,
    lines: linesOf(choice, runs),
  })).filter(({ lines }) => lines.length > 0);
}
