/**
 * What each setting of a run decides: its results, how they are computed, or only how
 * the run is carried out.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { defined } from "../common/defined.ts";
import type { ResolvedConfig, TrainConfig } from "./run_config.ts";

/** The name of a setting. */
type Setting = keyof ResolvedConfig;

/**
 * What a setting decides:
 *
 * - `results`: equal settings give an equal run.
 * - `place`: the same, but data may have moved when a run is resumed. Its digest or its
 *   index shows whether it is the same.
 * - `computation`: how the results are computed; it is decided at the first start.
 * - `operation`: it may differ when a run is resumed.
 * - `label`: it may differ, and the run keeps its own.
 * - `derived`: it follows from the other settings and the data.
 */
type Decides =
  | "results"
  | "place"
  | "computation"
  | "operation"
  | "label"
  | "derived";

/** All settings, in the order of figures. */
const SETTINGS: Readonly<Record<Setting, Decides>> = {
  data: "results",
  dataOptions: "place",
  dataDir: "place",
  dataUrl: "operation",
  dataDigest: "derived",
  download: "operation",
  classes: "results",
  cache: "results",
  cacheLimit: "operation",
  limitImages: "results",
  images: "results",
  epoch: "results",
  maxSteps: "results",
  stepsPerEpoch: "derived",
  steps: "derived",
  bs: "results",
  numPatches: "results",
  patchSize: "results",
  progressive: "results",
  patchSim: "results",
  tcr: "results",
  eps: "results",
  arch: "results",
  model: "results",
  bits: "results",
  recipe: "results",
  method: "results",
  methodOptions: "results",
  views: "results",
  viewRecipe: "derived",
  lr: "results",
  schedule: "results",
  warmUp: "results",
  larsClip: "results",
  optimizer: "results",
  weightDecay: "results",
  momentum: "results",
  eta: "results",
  seed: "results",
  init: "results",
  syncBn: "results",
  engine: "computation",
  precision: "computation",
  microBatch: "computation",
  workers: "operation",
  strict: "operation",
  saveEvery: "operation",
  keep: "operation",
  threads: "operation",
  xla: "operation",
  tensorboard: "operation",
  replicas: "operation",
  cluster: "operation",
  task: "operation",
  peerTimeout: "operation",
  dir: "label",
  msg: "label",
};

/** The names of all settings. */
export const SETTING_NAMES = Object.keys(SETTINGS) as Setting[];

function deciding(...what: Decides[]): Setting[] {
  return SETTING_NAMES.filter((name) => what.includes(SETTINGS[name]));
}

/** The settings that determine a run's results: equal settings give an equal run. */
export const IDENTITY: readonly Setting[] = deciding("results", "place");

/** The settings that say how a run is computed. */
export const COMPUTATION: readonly Setting[] = deciding("computation");

/**
 * The settings by which runs are compared: those that determine the results, and the
 * number format and the micro-batch. Processes that train together must agree on most of
 * them (`cluster/agreement.ts`).
 */
export const COMPARED: readonly Setting[] = [
  ...IDENTITY,
  ...COMPUTATION.filter((name) => name !== "engine"),
];

/** The given choices that may differ in a resumed run. */
export function operational(
  config: Partial<TrainConfig>,
): Partial<TrainConfig> {
  const given = deciding("place", "operation") as (keyof TrainConfig)[];
  return Object.fromEntries(
    given.filter((name) => config[name] !== undefined)
      .map((name) => [name, config[name]]),
  );
}

/** Whether a choice may differ when a run is resumed. */
export function mayDiffer(name: string): boolean {
  return deciding("place", "operation", "label").includes(name as Setting);
}

/** The settings of which a data set may have another default. */
const PUBLISHED = { larsClip: "current", optimizer: "published" } as const;

/** The values of settings that a configuration leaves out. */
const LEFT_OUT: Partial<Record<Setting, unknown>> = {
  method: "emp-ssl",
  schedule: "cosine",
  warmUp: "0",
  ...PUBLISHED,
  bits: 8,
  syncBn: false,
};

/**
 * A stored configuration with the settings that it leaves out, where a new run of its
 * data set may have another default.
 */
export function withLeftOut<T extends Partial<TrainConfig>>(stored: T): T {
  return { ...PUBLISHED, ...defined(stored) } as T;
}

/** The value of a choice, or undefined where a configuration leaves it out. */
export function unlessLeftOut<Name extends Setting & keyof TrainConfig>(
  name: Name,
  { [name]: value }: TrainConfig,
): TrainConfig[Name] | undefined {
  return value === LEFT_OUT[name] ? undefined : value;
}

/** A setting of a run: a default that is left out equals the same one that is given. */
export function settingOf(
  config: Partial<TrainConfig | ResolvedConfig>,
  name: Setting,
): unknown {
  return (config as Partial<ResolvedConfig>)[name] ?? LEFT_OUT[name];
}

/** Whether two runs have the same value of a setting. */
export function isSameSetting(
  name: Setting,
  a: Partial<ResolvedConfig>,
  b: Partial<ResolvedConfig>,
): boolean {
  return isDeepStrictEqual(settingOf(a, name), settingOf(b, name));
}
