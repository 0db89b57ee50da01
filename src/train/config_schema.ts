/**
 * The schema of a run's choices: the names and types that the library, the command line
 * and a configuration file accept.
 *
 * @module
 */
import { choiceError } from "../common/choice_names.ts";
import {
  pixelsOf,
  type ResolvedConfig,
  type TrainConfig,
} from "../checkpoint/run_config.ts";
import { isDeepStrictEqual } from "node:util";
import { SETTING_NAMES, withLeftOut } from "../checkpoint/settings.ts";
import { MAX_CHANNELS } from "../data/image.ts";
import { suggestion } from "../common/nearest.ts";
import * as v from "../deps/valibot.ts";
import { ENGINES, PRECISIONS, XLA_CHOICES } from "../engine/engine.ts";
import {
  type ArchitectureName,
  ARCHITECTURES,
  DEPTHS,
  type ModelConfig,
} from "../model/architectures.ts";
import { LARS_CLIPS } from "../model/lars.ts";
import { OPTIMIZERS } from "../model/optimizer.ts";
import { METHOD_NAMES } from "../model/methods/methods.ts";
import { MOST_WIDTH } from "../model/methods/options.ts";
import { SCHEDULES } from "../model/schedule.ts";
import { errorMaker, messageOf } from "../common/errors.ts";
import { flatChoices, withDefaults } from "./choices.ts";
import { chosenRecipe } from "./chosen_recipe.ts";
import { methodRate, methodWarmUp } from "./method_defaults.ts";

const fileError = errorMaker("use the configuration", "INVALID_ARGUMENT");

const count = v.number(), text = v.string(), flag = v.boolean();

const ARCHITECTURE_NAMES = Object.keys(ARCHITECTURES) as ArchitectureName[];

const WHOLE = `a whole number from 1 to ${MOST_WIDTH}`;
const CHANNELS = `a whole number from 1 to ${MAX_CHANNELS}`;
const width = v.pipe(
  v.number(WHOLE),
  v.integer(WHOLE),
  v.minValue(1, WHOLE),
  v.maxValue(MOST_WIDTH, WHOLE),
);

const MODEL = v.strictObject({
  depth: v.optional(v.picklist(DEPTHS)),
  stem: v.optional(v.picklist(["cifar", "imagenet"])),
  stemPadding: v.optional(v.picklist([1, 2])),
  channels: v.optional(v.pipe(width, v.maxValue(MAX_CHANNELS, CHANNELS))),
  width: v.optional(width),
  hidden: v.optional(width),
  embedding: v.optional(width),
}) satisfies v.GenericSchema<Partial<Omit<ModelConfig, "method">>>;

const SIZES = 'sizes such as { "patchSize": 16, "until": 0.75 }';

const RECIPE = v.union([
  v.picklist(["cifar", "imagenet"]),
  v.looseObject({}),
]);

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
  progressive: v.optional(
    v.array(v.strictObject({ patchSize: count, until: count }, SIZES)),
  ),
  epoch: count,
  maxSteps: v.optional(count),
  bs: count,
  numPatches: count,
  patchSim: count,
  tcr: count,
  eps: count,
  method: v.optional(v.picklist(METHOD_NAMES)),
  methodOptions: v.optional(v.record(v.string(), count)),
  arch: v.optional(v.picklist(ARCHITECTURE_NAMES)),
  model: v.optional(MODEL),
  recipe: v.optional(v.union([RECIPE, v.array(RECIPE)])),
  bits: v.optional(v.picklist([8, 16])),
  lr: v.optional(count),
  schedule: v.optional(v.picklist(SCHEDULES)),
  warmUp: v.optional(text),
  larsClip: v.optional(v.picklist(LARS_CLIPS)),
  weightDecay: v.optional(count),
  momentum: v.optional(count),
  eta: v.optional(count),
  optimizer: v.optional(v.picklist(OPTIMIZERS)),
  seed: count,
  workers: v.optional(count),
  limitImages: v.optional(count),
  engine: v.picklist(["auto", ...ENGINES]),
  strict: v.optional(flag),
  precision: v.picklist(["auto", ...PRECISIONS]),
  microBatch: v.union([v.literal("auto"), count]),
  init: v.optional(text),
  saveEvery: v.optional(text),
  keep: count,
  threads: v.optional(count),
  xla: v.optional(v.picklist(XLA_CHOICES)),
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
 * The fields of a run's `config.json` that are no choices: they are ignored when a
 * configuration is read again.
 */
const DERIVED: readonly string[] = [
  ...SETTING_NAMES.filter((name) => !CHOICES.includes(name)),
  "report",
];

function withoutDerived(config: object): Partial<TrainConfig> {
  return Object.fromEntries(
    Object.entries(config).filter(([name]) => !DERIVED.includes(name)),
  );
}

/** The expected value in words: `a number`, `one of auto, fp32, bf16`. */
function wanted(issue: v.BaseIssue<unknown>): string {
  const { expected, message } = issue;
  // A message of ours: those of valibot begin with "Invalid".
  if (!message.startsWith("Invalid")) return message;
  const words: Record<string, string> = {
    string: "a string",
    number: "a number",
    boolean: "true or false",
    Array: "a list",
    Object: "an object, { … }",
  };
  return words[expected ?? ""] ?? `one of ${expected?.replace(/[()"]/g, "")}`;
}

/**
 * Checks the names and types of choices.
 *
 * @param where The origin of the choices, for the message: a file's path.
 * @throws {EmpSslError} `INVALID_ARGUMENT`; for an unknown name with the nearest known
 * one.
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
  const isTop = issue.path?.length === 1;
  if (issue.type === "strict_object" && isTop && !CHOICES.includes(name)) {
    throw choiceError(
      `"${name}" in ${where}`,
      "there is no such choice",
      suggestion(name, CHOICES, `give some of ${CHOICES.join(", ")}`),
    );
  }
  const found = asText(issue.input).slice(0, 60);
  throw choiceError(
    `${name || "the content"} in ${where}`,
    `it is ${found}`,
    `give ${wanted(issue)}`,
  );
}

/** A value in a message: JSON has no NaN, and no big integers. */
function asText(value: unknown): string {
  return typeof value === "number" || typeof value === "bigint"
    ? `${value}`
    : JSON.stringify(value) ?? "nothing";
}

/** Removes what a run has stored and other choices would change. */
function forgetDerived(
  choices: Partial<TrainConfig>,
  stored: ResolvedConfig,
): void {
  const { arch, recipe, views } = stored;
  if (choices.warmUp === methodWarmUp(stored, stored)) delete choices.warmUp;
  if (choices.lr === methodRate(stored, arch)) delete choices.lr;
  // Without the steps of colour where the images have none.
  const usual = chosenRecipe(undefined, arch, pixelsOf(stored).channels);
  if (views === undefined && isDeepStrictEqual(recipe, usual)) {
    delete choices.recipe;
  }
}

/**
 * Reads the choices in a configuration file: a run's `config.json`, or one written by
 * hand.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` if the file cannot be read, names no data
 * set, or has an unknown name or a wrong type.
 */
export function readChoices(path: string): Partial<TrainConfig> {
  let stored: Record<string, unknown>;
  try {
    stored = JSON.parse(Deno.readTextFileSync(path));
    if (typeof stored?.data !== "string") throw new Error('it has no "data"');
  } catch (error) {
    const remedy = "name the config.json of a run";
    throw fileError(path, messageOf(error), remedy, error);
  }
  const isRun = stored.stepsPerEpoch !== undefined;
  const [derived] = isRun ? [] : DERIVED.filter((name) => name in stored);
  if (derived !== undefined) {
    throw choiceError(
      `"${derived}" in ${path}`,
      "it is no choice, but follows from others",
      derived === "steps"
        ? "give maxSteps"
        : derived === "images"
        ? "give limitImages"
        : "leave it out",
    );
  }
  const own: Partial<TrainConfig> = withoutDerived(stored);
  const choices = isRun ? withLeftOut(own) : own;
  // The stored recipe depends on the architecture and the method, which flags may change.
  if (stored.views !== undefined) {
    choices.recipe = stored.viewRecipe as TrainConfig["recipe"];
  }
  if (isRun) forgetDerived(choices, stored as unknown as ResolvedConfig);
  if (choices.recipe === undefined) delete choices.recipe;
  checkChoices(withDefaults(choices), path);
  return flatChoices(choices);
}
