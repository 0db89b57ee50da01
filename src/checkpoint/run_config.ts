/**
 * The configuration of a run, as `config.json` and every checkpoint keep it: the
 * user's choices, what follows from them, and which of them make a run what it
 * is.
 *
 * @module
 */
import type { DataOptions, DatasetSource } from "../data/dataset.ts";
import type {
  EngineChoice,
  PrecisionChoice,
  XlaChoice,
} from "../engine/engine.ts";
import type { ArchitectureName, ModelConfig } from "../model/architectures.ts";
import type { MethodName } from "../model/methods/methods.ts";
import type { LarsClip } from "../model/lars.ts";
import type { Schedule } from "../model/schedule.ts";
import type { PixelFormat } from "../data/image.ts";
import {
  largestPatchSize,
  type ProgressiveSize,
} from "../stream/patch_sizes.ts";
import type { PartialRecipe } from "../patches/recipe_schema.ts";
import type { PatchValues } from "../patches/normalize.ts";
import {
  type Recipe,
  type RecipeChoice,
  type RecipeName,
  recipeOf,
} from "../patches/recipe.ts";

/** The user's choices; the defaults are the paper's. */
export interface TrainConfig {
  /** The data set's name, or the path or URL of a module that opens it. */
  data: string;
  /** Options of that module: plain data. */
  dataOptions?: DataOptions;
  /** Its folder; our own in the cache where it is not given. */
  dataDir?: string;
  /** Another address of its archive than the official one. */
  dataUrl?: string;
  /** Whether it may be downloaded where it is not on disk. */
  download?: boolean;
  /** ImageNet-100: a file with other classes than ours, one a line. */
  classes?: string;
  /**
   * A folder that keeps decoded images, shrunk to twice the side of a patch:
   * for large photographs that are seen in many epochs.
   */
  cache?: string;
  /** Gigabytes that `cache` may have on disk. */
  cacheLimit?: number;
  /** What it trains by: EMP-SSL where it is not given. */
  method?: MethodName;
  /** What of the method's constants is otherwise. */
  methodOptions?: Record<string, number>;
  /**
   * How patches are cut and augmented: a name, or a recipe, of which the parts
   * that are not given are the architecture's; its whole where it is not given.
   */
  recipe?: RecipeName | PartialRecipe;
  /**
   * Side of a patch in pixels; the architecture's own where not given. Of several
   * sizes it is the last one, which evaluation has too.
   */
  patchSize?: number;
  /** Other sizes before it, in order: progressive resizing. */
  progressive?: ProgressiveSize[];
  /** Epochs. */
  epoch: number;
  /** Ends the run after so many steps, whatever the epochs are. */
  maxSteps?: number;
  /** Images a batch: b. */
  bs: number;
  /** Patches an image: n. */
  numPatches: number;
  /** Weight of the invariance. */
  patchSim: number;
  /** Weight of the total coding rate. */
  tcr: number;
  /** The paper's ε². */
  eps: number;
  /** The architecture; it follows from the data where it is not given. */
  arch?: ArchitectureName;
  /** What the network has otherwise than its architecture: depth, widths, stem. */
  model?: Partial<ModelConfig>;
  /**
   * Bits of each number of a pixel: 8 where it is not given. Their number is
   * `model.channels`.
   */
  bits?: 8 | 16;
  /**
   * The highest learning rate: that of the first step, or after the warm-up. That of
   * the method for such a batch where it is not given.
   */
  lr?: number;
  /** How it falls to zero: `cosine` where it is not given. */
  schedule?: Schedule;
  /** Its rise: so many epochs (`"1"`), or a share of the run (`"10%"`). */
  warmUp?: string;
  /**
   * The learning rate that LARS clips at: the `current` one, as the authors'
   * program has it, or the `initial` one, so that the schedule scales every step.
   */
  larsClip?: LarsClip;
  /** Seed of everything random: 0 to 2³² − 1. */
  seed: number;
  /** Patch workers; as many as the engine leaves cores where it is not given. */
  workers?: number;
  /** Use only so many training images. */
  limitImages?: number;
  /** What runs the model. */
  engine: EngineChoice;
  /** End the run at the first image that cannot be read. */
  strict?: boolean;
  /** Number format of convolutions and dense layers. */
  precision: PrecisionChoice;
  /**
   * Patches of each image that go through the network at a time, a divisor of
   * `numPatches`; `auto` splits a step only where it would not fit into memory.
   */
  microBatch: number | "auto";
  /** Start from the weights of this file, and from nothing else of it. */
  init?: string;
  /**
   * Write a checkpoint after so many steps (`"100"`) or minutes (`"10m"`); after
   * each epoch in any case.
   */
  saveEvery?: string;
  /** How many checkpoints stay. */
  keep: number;
  /** Threads of the engine, on the processor; all cores where not given. */
  threads?: number;
  /** Whether XLA compiles what it can of the step: `auto`, by measurement. */
  xla?: XlaChoice;
  /** Write event files for TensorBoard into the run's folder. */
  tensorboard?: boolean;
  /** Replicas in this process; `auto` is one for each GPU. */
  replicas?: number | "auto";
  /** Whether batch norms take the statistics of all replicas together. */
  syncBn?: boolean;
  /** `host:port` of each process that trains with this one. */
  cluster?: string[];
  /** Which of them this one is; process 0 writes the run's folder. */
  task?: number;
  /** Seconds after which a silent process is lost: 30. */
  peerTimeout?: number;
  /** The run's folder; `runs/<data>-N` in the working folder where not given. */
  dir?: string;
  /** A note that is kept with the run. */
  msg?: string;
}

/** A configuration with nothing left open. */
export interface ResolvedConfig extends TrainConfig {
  /** The architecture. */
  arch: ArchitectureName;
  /** How patches are cut and augmented; of a method with views, in evaluation. */
  recipe: RecipeChoice;
  /** How each view is cut and augmented, of a method with views. */
  views?: Recipe[];
  /** The recipe that the user has chosen for the views, where it is one. */
  viewRecipe?: TrainConfig["recipe"];
  /** The highest learning rate. */
  lr: number;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** Images in the training set. */
  images: number;
  /** Of shards and of a user's module: a digest of the names and labels of the images. */
  dataDigest?: string;
  /** Steps an epoch. */
  stepsPerEpoch: number;
  /** Steps in all. */
  steps: number;
}

/** The settings that determine a run's numbers: equal settings, equal run. */
export const IDENTITY = [
  "data",
  "dataOptions",
  "dataDir",
  "classes",
  "cache",
  "limitImages",
  "images",
  "epoch",
  "maxSteps",
  "bs",
  "numPatches",
  "patchSize",
  "progressive",
  "patchSim",
  "tcr",
  "eps",
  "arch",
  "model",
  "bits",
  "recipe",
  "method",
  "methodOptions",
  "views",
  "lr",
  "schedule",
  "warmUp",
  "larsClip",
  "seed",
  "init",
  "syncBn",
] as const satisfies (keyof ResolvedConfig)[];

/**
 * What runs differ by where they are compared: how they are computed, too. Processes
 * that train together have it in common.
 */
export const COMPARED = [...IDENTITY, "precision", "microBatch"] as const;

/** The choices that do not change the numbers: each start of a run has its own. */
const OPERATIONAL = [
  "workers",
  "cacheLimit",
  "saveEvery",
  "keep",
  "strict",
  "threads",
  "xla",
  "tensorboard",
  "dataDir",
  "dataOptions",
  "download",
  "replicas",
  "cluster",
  "task",
  "peerTimeout",
] as const satisfies (keyof TrainConfig)[];

/** Of some choices, those that a resumed run uses. */
export function operational(config: Partial<TrainConfig>) {
  return Object.fromEntries(
    OPERATIONAL.filter((key) => config[key] !== undefined)
      .map((key) => [key, config[key]]),
  );
}

/** Whether a choice may differ when a run is resumed. */
export function isOperational(key: string): boolean {
  return (OPERATIONAL as readonly string[]).includes(key);
}

/** What the pixels of a run's images are. */
export function pixelsOf(
  { model, bits = 8 }: Pick<TrainConfig, "model" | "bits">,
): PixelFormat {
  return { channels: model?.channels ?? 3, bits };
}

/** What the numbers of a run's patches are, and how the network takes them. */
export function valuesOf(
  { bits, recipe }: Pick<ResolvedConfig, "bits" | "recipe">,
): PatchValues {
  return { bits, normalize: recipeOf(recipe).normalize };
}

/** The training set of a configuration. */
export function trainSource(
  config: Pick<
    ResolvedConfig,
    | "data"
    | "dataOptions"
    | "dataDir"
    | "limitImages"
    | "classes"
    | "cache"
    | "cacheLimit"
    | "patchSize"
    | "progressive"
    | "model"
    | "bits"
  >,
): DatasetSource {
  const { data, dataOptions, dataDir, limitImages, classes } = config;
  const { cache, cacheLimit } = config;
  return {
    pixels: pixelsOf(config),
    name: data,
    options: dataOptions,
    dir: dataDir,
    split: "train",
    limit: limitImages,
    classes,
    // A crop has half the side of its image.
    cache: cache === undefined ? undefined : {
      dir: cache,
      side: 2 * largestPatchSize(config),
      limit: cacheLimit && cacheLimit * 1e9,
    },
  };
}
