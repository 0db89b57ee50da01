/**
 * A user's choices for a run: the defaults, the presets, and alternative names.
 *
 * @module
 */
import { checkOneOf, choiceError } from "../common/choice_names.ts";
import { defined } from "../common/defined.ts";
import type { TrainConfig } from "../checkpoint/run_config.ts";
import type { OwnDataChoice } from "../data/dataset.ts";
import { isForPhotographs } from "../model/architectures.ts";
import { viewCount } from "../model/methods/method.ts";
import { methodNamed } from "../model/methods/methods.ts";
import type { RecipeName } from "../patches/recipe.ts";
import { dataDefaults, type PresetName } from "./data_defaults.ts";

/** The defaults: those of the command in the authors' README. */
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

/** A run's choices; missing ones have defaults. */
export interface TrainChoices extends Omit<Partial<TrainConfig>, "data"> {
  /** The data set's name, or the user's own data. */
  data?: string | OwnDataChoice;
  /** A set of choices; choices that are given explicitly override it. */
  preset?: PresetName;
  /** Images per batch: another name for `bs`. */
  batchSize?: number;
  /** Passes over the data: another name for `epoch`. */
  epochs?: number;
  /** Patches per image: another name for `numPatches`. */
  patches?: number;
  /** The paper's ε²: another name for `eps`. */
  epsilonSquared?: number;
  /** A text that is stored with the run: another name for `msg`. */
  note?: string;
}

/**
 * Sets of choices. `paper` is the paper's, the default for most data sets. `fast` reaches
 * more than its accuracy on 10,000 images of CIFAR-10 in less than half its CPU time
 * (docs/results.md), with patches of the crop's own 16 pixels, fewer patches per image and
 * therefore more steps, a schedule that scales every step, and Muon for the filters. A
 * data set may change a preset, or have it as its default: see `data_defaults.ts`.
 */
export const PRESETS = {
  paper: {
    // The architecture's own, or the data set's.
    patchSize: undefined,
    numPatches: TRAIN_DEFAULTS.numPatches,
    bs: TRAIN_DEFAULTS.bs,
    epoch: TRAIN_DEFAULTS.epoch,
    larsClip: "current",
    optimizer: "published",
  },
  fast: {
    patchSize: 16,
    numPatches: 10,
    bs: 50,
    epoch: 2,
    larsClip: "initial",
    optimizer: "muon",
  },
} as const satisfies Record<PresetName, Partial<TrainConfig>>;

/** From our alternative names of choices to the authors' names. */
const NAMES = {
  batchSize: "bs",
  epochs: "epoch",
  patches: "numPatches",
  epsilonSquared: "eps",
  note: "msg",
} as const satisfies Partial<Record<keyof TrainChoices, keyof TrainConfig>>;

/**
 * The choices under the authors' names.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` if a choice is given by both names.
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

/** The choices that are set; an empty `progressive` counts as not set. */
function given(choices: Partial<TrainConfig>): Partial<TrainConfig> {
  const set = defined(choices);
  if (hasNoSizes(set)) delete set.progressive;
  return set;
}

/** Whether there is only one patch size. */
function hasNoSizes({ progressive }: Partial<TrainConfig>): boolean {
  return progressive === undefined || progressive?.length === 0;
}

/**
 * Choices overridden by others. A `patchSize` without `progressive` also removes
 * `progressive`.
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

/**
 * The choices of a preset for a data set.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` for an unknown name.
 */
export function presetChoices(
  name: string | undefined,
  data: string = TRAIN_DEFAULTS.data,
): Partial<TrainConfig> {
  if (name === undefined) return {};
  const subject = `the preset "${name}"`;
  checkOneOf(name, Object.keys(PRESETS), { action: "use", subject });
  const preset = name as PresetName;
  return { ...PRESETS[preset], ...dataDefaults(data).presets?.[preset] };
}

/**
 * The choices with the preset applied, under the authors' names, and with the user's own
 * data as `data` and `dataOptions`.
 */
export function flatChoices(
  { data, preset, ...rest }: TrainChoices,
): Partial<TrainConfig> {
  if (preset !== undefined && methodNamed(rest.method).views !== undefined) {
    throw choiceError(
      `the preset "${preset}" with the method ${rest.method}`,
      "presets are only for EMP-SSL",
      "leave one of them out",
    );
  }
  if (typeof data === "object" && typeof data?.module !== "string") {
    throw choiceError(
      "data",
      "it names no module",
      "give { module, options }, or the name of a data set",
    );
  }
  if (typeof data === "object" && rest.dataOptions !== undefined) {
    throw choiceError(
      "dataOptions",
      "data has a module's own options beside it",
      "give them as the options of data",
    );
  }
  const name = typeof data === "object" ? data.module : data;
  const choices = overridden(presetChoices(preset, name), byAuthorsNames(rest));
  return typeof data === "object"
    ? { ...choices, data: name, dataOptions: data.options }
    : { ...choices, data: name };
}

/**
 * Completes choices with defaults: those of the data set or the method if they have
 * any, else the paper's. The only place where these defaults are applied.
 *
 * @example The generated data set is small and has small batches
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
  const ofData = dataDefaults(data);
  const isEmpSsl = methodNamed(chosen.method).views === undefined;
  const own = {
    ...TRAIN_DEFAULTS,
    ...ofData.choices,
    ...(isEmpSsl ? presetChoices(ofData.preset, data) : {}),
  };
  const arch = chosen.arch ?? ofData.arch;
  return {
    ...own,
    ...methodChoices(chosen, ofData.choices?.bs, arch),
    ...given(chosen),
  };
}

/**
 * The defaults that differ for a method with views: batch size, number of patches,
 * learning rate and warm-up. For a data set with small default batches, the number of
 * patches per step stays the same.
 */
function methodChoices(
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
    // These depend on the batch, the architecture and the steps: see `config.ts`.
    lr: undefined,
    warmUp: undefined,
  };
}

/** The default recipe of an architecture. */
export function defaultRecipe(arch: string | undefined): RecipeName {
  return isForPhotographs(arch) ? "imagenet" : "cifar";
}
