/**
 * How accuracy changes with one setting, among runs that differ in nothing else.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { pixelsOf, type ResolvedConfig } from "../checkpoint/run_config.ts";
import { COMPARED, settingOf } from "../checkpoint/settings.ts";
import { folderName } from "../data/catalog.ts";
import { patchSizesText } from "../stream/patch_sizes.ts";
import { chosenRecipe } from "../train/chosen_recipe.ts";
import {
  methodRate,
  methodWarmUp,
  withoutDefaultHead,
} from "../train/method_defaults.ts";
import { type Accuracy, evaluatedAlike } from "./comparison.ts";
import { type RunRecord, stepsMade } from "./run_record.ts";

/** One value of a setting with its accuracies, 0 to 1. */
export interface SensitivityPoint {
  value: number | string;
  linear?: number;
  knn?: number;
}

/** Runs that differ in one setting. */
export interface Sensitivity {
  /** The setting, as a configuration names it. */
  choice: string;
  /** How they were evaluated. */
  kind: string;
  /** The values in order: a line for each combination of the other settings. */
  lines: SensitivityPoint[][];
}

/** Settings that are derived from others, and are not compared. */
const DERIVED: readonly string[] = [
  ...["images", "dataDigest", "recipe", "views"],
  // Where the same files lie; of data the name of the folder is compared, as above.
  "dataDir",
];

/** The recipe that the user has chosen; nothing where it is the usual one. */
function ownRecipe(
  { arch, recipe, views, viewRecipe, ...rest }: ResolvedConfig,
) {
  if (views !== undefined) return viewRecipe;
  const usual = chosenRecipe(undefined, arch, pixelsOf(rest).channels);
  return isDeepStrictEqual(recipe, usual) ? undefined : recipe;
}

/** The settings of a run, as strings. */
function settingsOf({ config }: RunRecord): Map<string, string> {
  const settings = new Map<string, string>();
  for (const name of COMPARED) {
    if (DERIVED.includes(name)) continue;
    settings.set(name, JSON.stringify(settingOf(config, name)) ?? "");
  }
  settings.set("recipe", JSON.stringify(ownRecipe(config)) ?? "");
  const { data, dataDir, cache } = config;
  // It lowers the resolution, in whichever folder it is.
  settings.set("cache", `${cache !== undefined}`);
  const folder = folderName(data, dataDir);
  if (folder !== undefined) settings.set("data", `${data} ${folder}`);
  // Several patch sizes of a run (progressive resizing) are one setting.
  settings.set("patchSize", patchSizesText(config)).delete("progressive");
  // A step that was not split has a micro-batch of all patches.
  if (config.microBatch === config.numPatches) settings.delete("microBatch");
  // Defaults that scale with the batch size or the length of the run.
  if (config.lr === methodRate(config, config.arch)) {
    settings.set("lr", "of the method");
  }
  const warmUp = methodWarmUp(config, config) ?? "0";
  if (settingOf(config, "warmUp") === warmUp) {
    settings.set("warmUp", "of the method");
  }
  // The default head of some methods depends on the architecture.
  const { model, methodOptions } = withoutDefaultHead(config);
  settings.set("model", JSON.stringify(model) ?? "");
  settings.set("methodOptions", JSON.stringify(methodOptions) ?? "");
  return settings;
}

function valueOf(config: ResolvedConfig, choice: keyof ResolvedConfig) {
  if (choice === "patchSize" && config.progressive?.length) {
    return patchSizesText(config);
  }
  const value = settingOf(config, choice);
  return typeof value === "number" || typeof value === "string"
    ? value
    : undefined;
}

/** Numbers by value; strings, or one of each, as `16`, `16,32@0.5`, `32`. */
export function byValue(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [left, right] = [a, b].map((value) =>
    (String(value).match(/\d*\.?\d+/g) ?? []).map(Number)
  );
  for (let i = 0; i < Math.min(left!.length, right!.length); i++) {
    if (left![i] !== right![i]) return left![i]! - right![i]!;
  }
  return left!.length - right!.length || String(a).localeCompare(String(b));
}

/** A line for each combination of the other settings under which this one varies. */
function linesOf(
  choice: keyof ResolvedConfig,
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
 * For each setting with a number or a string: the accuracies of runs that differ only in
 * it. The seed is such a setting too. Unfinished runs are left out.
 */
export function sensitivities(records: RunRecord[]): Sensitivity[] {
  const whole = records.filter(({ steps, config }) =>
    stepsMade(steps) === config.steps
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
