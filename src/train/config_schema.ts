/**
 * The schema of a run's choices: what the library, the command line and a
 * configuration file may set, and the type of each.
 *
 * @module
 */
import type { TrainConfig } from "../checkpoint/run_config.ts";
import type { OwnDataChoice } from "../data/dataset.ts";
import { DATASETS } from "../data/catalog.ts";
import { closestString } from "../deps/std.ts";
import * as v from "../deps/valibot.ts";
import { ENGINES } from "../engine/engine.ts";
import type { RecipeName } from "../patches/recipe.ts";
import {
  type ArchitectureName,
  ARCHITECTURES,
  DEPTHS,
  type ModelConfig,
} from "../model/architectures.ts";
import { LARS_CLIPS } from "../model/lars.ts";
import { SCHEDULES } from "../model/schedule.ts";
import { errorMaker, messageOf } from "../errors.ts";

const choiceError = errorMaker("use", "INVALID_ARGUMENT");
const fileError = errorMaker("use the configuration", "INVALID_ARGUMENT");

const count = v.number(), text = v.string(), flag = v.boolean();

const ARCHITECTURE_NAMES = Object.keys(ARCHITECTURES) as ArchitectureName[];

const WHOLE = "a whole number from 1 up";
const width = v.pipe(v.number(WHOLE), v.integer(WHOLE), v.minValue(1, WHOLE));

const MODEL = v.strictObject({
  depth: v.optional(v.picklist(DEPTHS)),
  stem: v.optional(v.picklist(["cifar", "imagenet"])),
  width: v.optional(width),
  hidden: v.optional(width),
  embedding: v.optional(width),
}) satisfies v.GenericSchema<Partial<ModelConfig>>;

const SCHEMA = v.strictObject({
  data: text,
  dataOptions: v.optional(v.record(v.string(), v.unknown())),
  dataDir: v.optional(text),
  dataUrl: v.optional(text),
  download: v.optional(flag),
  classes: v.optional(text),
  cache: v.optional(text),
  cacheLimit: v.optional(count),
  patchSize: v.optional(count),
  epoch: count,
  bs: count,
  numPatches: count,
  patchSim: count,
  tcr: count,
  eps: count,
  arch: v.optional(v.picklist(ARCHITECTURE_NAMES)),
  model: v.optional(MODEL),
  recipe: v.optional(
    v.union([v.picklist(["cifar", "imagenet"]), v.looseObject({})]),
  ),
  lr: count,
  schedule: v.optional(v.picklist(SCHEDULES)),
  warmUp: v.optional(text),
  larsClip: v.optional(v.picklist(LARS_CLIPS)),
  seed: count,
  workers: v.optional(count),
  limitImages: v.optional(count),
  engine: v.picklist(["auto", ...ENGINES]),
  strict: v.optional(flag),
  precision: v.picklist(["auto", "fp32", "bf16"]),
  microBatch: v.union([v.literal("auto"), count]),
  init: v.optional(text),
  saveEvery: v.optional(text),
  keep: count,
  threads: v.optional(count),
  tensorboard: v.optional(flag),
  replicas: v.optional(v.union([v.literal("auto"), count])),
  syncBn: v.optional(flag),
  cluster: v.optional(v.array(text)),
  task: v.optional(count),
  peerTimeout: v.optional(count),
  dir: v.optional(text),
  msg: v.optional(text),
}) satisfies v.GenericSchema<TrainConfig>;

/** The names of all choices. */
export const CHOICES: readonly string[] = Object.keys(SCHEMA.entries);

/**
 * What follows from the choices, and what a run's `config.json` holds besides
 * them: ignored where a configuration is read again.
 */
const DERIVED = [
  ...["images", "dataDigest", "stepsPerEpoch", "steps", "report"],
];

/** The paper's choices. */
export const TRAIN_DEFAULTS = {
  data: "shapes",
  download: true,
  epoch: 2,
  bs: 100,
  numPatches: 20,
  patchSim: 200,
  tcr: 1,
  eps: 0.2,
  lr: 0.3,
  seed: 0,
  engine: "auto",
  precision: "auto",
  microBatch: "auto",
  keep: 3,
} as const satisfies TrainConfig;

/** Some of a run's choices; the rest have defaults. */
export interface TrainChoices extends Omit<Partial<TrainConfig>, "data"> {
  /** The data set's name, or the user's own data. */
  data?: string | OwnDataChoice;
  /** Choices that go together; others given with it stand over it. */
  preset?: keyof typeof PRESETS;
  /** Images a batch: another name for `bs`. */
  batchSize?: number;
  /** Passes over the data: another name for `epoch`. */
  epochs?: number;
  /** Patches an image: another name for `numPatches`. */
  patches?: number;
  /** The paper's ε²: another name for `eps`. */
  epsilonSquared?: number;
  /** A text to keep with the run: another name for `msg`. */
  note?: string;
}

/**
 * Choices that go together. `fast` reaches the accuracy of the paper's setting on
 * CIFAR-10 in less than half its processor time (docs/results.md): patches of the
 * crop's own 16 pixels, few of each image and so more steps, and a schedule that
 * scales every step.
 */
export const PRESETS = {
  fast: {
    patchSize: 16,
    numPatches: 10,
    bs: 50,
    epoch: 3,
    larsClip: "initial",
  },
} as const satisfies Record<string, Partial<TrainConfig>>;

/** The authors' names of choices that have another one here. */
const NAMES = {
  batchSize: "bs",
  epochs: "epoch",
  patches: "numPatches",
  epsilonSquared: "eps",
  note: "msg",
} as const satisfies Partial<Record<keyof TrainChoices, keyof TrainConfig>>;

/**
 * The choices by the authors' names.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where one is given by both names.
 */
function byAuthorsNames(
  choices: Record<string, unknown>,
): Partial<TrainConfig> {
  const named = { ...choices };
  for (const [name, authors] of Object.entries(NAMES)) {
    const value = named[name];
    delete named[name];
    if (value === undefined) continue;
    if (named[authors] !== undefined) {
      throw choiceError(
        `both ${name} and ${authors}`,
        "they are two names of one choice",
        "give one of them",
      );
    }
    named[authors] = value;
  }
  return named;
}

/** The choices that are made. */
function given(choices: Partial<TrainConfig>): Partial<TrainConfig> {
  return Object.fromEntries(
    Object.entries(choices).filter(([, value]) => value !== undefined),
  );
}

function presetOf(name: string | undefined): Partial<TrainConfig> {
  if (name === undefined) return {};
  const found = Object.entries(PRESETS).find(([own]) => own === name);
  if (found !== undefined) return found[1];
  const names = Object.keys(PRESETS);
  throw choiceError(
    `the preset "${name}"`,
    "there is none of that name",
    `choose one of ${names.join(", ")}`,
  );
}

/** The same choices by the authors' names, with the user's own data as `data` and `dataOptions`. */
export function flatChoices(
  { data, preset, ...rest }: TrainChoices,
): Partial<TrainConfig> {
  const choices = { ...presetOf(preset), ...given(byAuthorsNames(rest)) };
  return typeof data === "object"
    ? { ...choices, data: data.module, dataOptions: data.options }
    : { ...choices, data };
}

/**
 * Some choices, with defaults for the rest: the paper's, or those of the data set
 * where it has its own. The only place where defaults are applied.
 *
 * @example The generated data set is small, and so are its batches
 * ```ts
 * import { withDefaults } from "./config_schema.ts";
 *
 * console.assert(withDefaults({}).bs === 20);
 * console.assert(withDefaults({ data: "cifar10" }).bs === 100);
 * ```
 */
export function withDefaults(choices: TrainChoices): TrainConfig {
  const chosen = flatChoices(choices);
  const data = chosen.data ?? TRAIN_DEFAULTS.data;
  const own = Object.hasOwn(DATASETS, data) ? DATASETS[data]!.defaults : {};
  return { ...TRAIN_DEFAULTS, ...own, ...given(chosen) };
}

/** The recipe that goes with an architecture. */
export function defaultRecipe(arch: string | undefined): RecipeName {
  return arch?.endsWith("-imagenet") ? "imagenet" : "cifar";
}

function withoutDerived(config: object): Partial<TrainConfig> {
  return Object.fromEntries(
    Object.entries(config).filter(([name]) => !DERIVED.includes(name)),
  );
}

/** In words: `a number`, `one of auto, fp32, bf16`. */
function wanted(issue: v.BaseIssue<unknown>): string {
  const { expected, message } = issue;
  // One of ours; valibot's own begin so.
  if (!message.startsWith("Invalid")) return message;
  const words: Record<string, string> = {
    string: "a text",
    number: "a number",
    boolean: "true or false",
    Array: "a list",
  };
  return words[expected ?? ""] ?? `one of ${expected?.replace(/[()"]/g, "")}`;
}

/**
 * Checks names and types of choices.
 *
 * @param where Where they come from, for the message: a file, or nothing.
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with the nearest name for one that
 * there is not.
 */
export function checkChoices(
  choices: TrainConfig,
  where = "the configuration",
): void {
  const parsed = v.safeParse(SCHEMA, withoutDerived(choices));
  if (parsed.success) return;
  const [issue] = parsed.issues;
  const name = v.getDotPath(issue) ?? "";
  if (issue.type === "strict_object" && name.startsWith("model.")) {
    throw choiceError(
      `${name} in ${where}`,
      "a model has no such part",
      `give ${Object.keys(MODEL.entries).join(", ")}`,
    );
  }
  if (issue.type === "strict_object" && !CHOICES.includes(name)) {
    throw choiceError(
      `"${name}" in ${where}`,
      "there is no such choice",
      `did you mean ${closestString(name, [...CHOICES])}`,
    );
  }
  const found = JSON.stringify(issue.input)?.slice(0, 60) ?? "nothing";
  throw choiceError(
    `${name || "what is"} in ${where}`,
    `it is ${found}`,
    `give ${wanted(issue)}`,
  );
}

/**
 * The choices in a configuration file: a run's `config.json`, or one written by
 * hand.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it cannot be read, names no
 * data set, or has a name or a type that no choice has.
 */
export function readChoices(path: string): Partial<TrainConfig> {
  let stored: Record<string, unknown>;
  try {
    stored = JSON.parse(Deno.readTextFileSync(path));
    if (typeof stored?.data !== "string") throw new Error("it names no data");
  } catch (error) {
    const remedy = "name the config.json of a run";
    throw fileError(path, messageOf(error), remedy, error);
  }
  const choices: Partial<TrainConfig> = withoutDerived(stored);
  // It follows from the architecture, which other flags may change.
  if (choices.recipe === defaultRecipe(choices.arch)) delete choices.recipe;
  checkChoices(withDefaults(choices), path);
  return choices;
}
