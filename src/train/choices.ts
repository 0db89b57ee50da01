/**
 * What a user may choose of a run: the paper's choices, those that go together,
 * their names, and the defaults of the rest.
 *
 * @module
 */
import type { TrainConfig } from "../checkpoint/run_config.ts";
import { DATASETS } from "../data/catalog.ts";
import type { OwnDataChoice } from "../data/dataset.ts";
import { errorMaker } from "../errors.ts";
import { isForPhotographs } from "../model/architectures.ts";
import { viewCount } from "../model/methods/method.ts";
import { methodNamed } from "../model/methods/methods.ts";
import type { RecipeName } from "../patches/recipe.ts";

/** A choice that is refused, by its name in the library and in `config.json`. */
export const choiceError = errorMaker("use", "INVALID_ARGUMENT");

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
    Object.entries(choices).filter(([name, value]) =>
      value !== undefined && !(name === "progressive" && hasNoSizes(choices))
    ),
  );
}

/** Whether no size comes before the last one. */
function hasNoSizes({ progressive }: Partial<TrainConfig>): boolean {
  return progressive === undefined || progressive?.length === 0;
}

/**
 * Choices with others over them. A size of patches alone also says that none comes
 * before it.
 */
export function overridden(
  choices: Partial<TrainConfig>,
  over: Partial<TrainConfig>,
): Partial<TrainConfig> {
  const isOneSize = over.patchSize !== undefined && hasNoSizes(over);
  return {
    ...choices,
    ...(isOneSize ? { progressive: undefined } : {}),
    ...given(over),
  };
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

/**
 * The same choices by the authors' names, with the user's own data as `data` and
 * `dataOptions`.
 */
export function flatChoices(
  { data, preset, ...rest }: TrainChoices,
): Partial<TrainConfig> {
  if (preset !== undefined && methodNamed(rest.method).views !== undefined) {
    throw choiceError(
      `the preset "${preset}" with the method ${rest.method}`,
      "presets are EMP-SSL's",
      "leave one of them out",
    );
  }
  const choices = overridden(presetOf(preset), byAuthorsNames(rest));
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
 * import { withDefaults } from "./choices.ts";
 *
 * console.assert(withDefaults({}).bs === 20);
 * console.assert(withDefaults({ data: "cifar10" }).bs === 100);
 * ```
 */
export function withDefaults(choices: TrainChoices): TrainConfig {
  const chosen = flatChoices(choices);
  const data = chosen.data ?? TRAIN_DEFAULTS.data;
  const entry = Object.hasOwn(DATASETS, data) ? DATASETS[data] : undefined;
  const own = { ...TRAIN_DEFAULTS, ...entry?.defaults };
  const arch = chosen.arch ?? entry?.arch;
  return {
    ...own,
    ...methodDefaults(chosen, entry?.defaults?.bs, arch),
    ...given(chosen),
  };
}

/**
 * What a method with views has otherwise: its batch and its learning rate, which
 * goes with the batch. A data set whose batches are small keeps as many passes
 * through the network a step.
 */
function methodDefaults(
  { method: name, bs }: Partial<TrainConfig>,
  small: number | undefined,
  arch: string | undefined,
): Partial<TrainConfig> {
  const method = methodNamed(name), views = viewCount(method);
  if (views === undefined) return {};
  const { bs: usual } = method.defaults(isForPhotographs(arch));
  const images = bs ??
    (small === undefined ? usual : small * TRAIN_DEFAULTS.numPatches / views);
  return {
    bs: images,
    numPatches: views,
    // They go with the batch, the architecture and the steps: see `config.ts`.
    lr: undefined,
    warmUp: undefined,
  };
}

/** The recipe that goes with an architecture. */
export function defaultRecipe(arch: string | undefined): RecipeName {
  return isForPhotographs(arch) ? "imagenet" : "cifar";
}
