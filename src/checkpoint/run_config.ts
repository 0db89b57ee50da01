/**
 * The configuration of a run, as it is stored in `config.json` and every checkpoint: the
 * user's choices, what is derived from them, and which of them determine the results.
 *
 * @module
 */
import type { DataOptions, DatasetSource } from "../data/dataset.ts";
import { checkStoredModule } from "../data/stored_module.ts";
import type {
  EngineChoice,
  PrecisionChoice,
  XlaChoice,
} from "../engine/engine.ts";
import type { ArchitectureName, ModelConfig } from "../model/architectures.ts";
import type { MethodName } from "../model/methods/methods.ts";
import type { LarsClip } from "../model/lars.ts";
import type { OptimizerName } from "../model/optimizer.ts";
import type { Schedule } from "../model/schedule.ts";
import type { PixelFormat } from "../data/image.ts";
import {
  largestPatchSize,
  type ProgressiveSize,
} from "../stream/patch_sizes.ts";
import type { OwnRecipe } from "../patches/recipe_schema.ts";
import type { PatchValues } from "../patches/normalize.ts";
import { type Recipe, type RecipeChoice, recipeOf } from "../patches/recipe.ts";

/** The user's choices; the defaults are the paper's, or those of the data set. */
export interface TrainConfig {
  /** The data set's name, or the path or URL of a module that opens it. */
  data: string;
  /** Options of that module: plain data. */
  dataOptions?: DataOptions;
  /** The data set's folder; by default one in our cache. */
  dataDir?: string;
  /** URL of the data set's archive, in place of the official one. */
  dataUrl?: string;
  /** Whether the data set may be downloaded if it is not on disk. */
  download?: boolean;
  /** ImageNet-100: a file with other classes than ours, one per line. */
  classes?: string;
  /**
   * A folder for a cache of decoded images, downscaled to twice the side of a patch:
   * for large photographs that are used in many epochs.
   */
  cache?: string;
  /** Limit of `cache` on disk, in gigabytes. */
  cacheLimit?: number;
  /** The self-supervised method: EMP-SSL by default. */
  method?: MethodName;
  /** Method constants that differ from their defaults. */
  methodOptions?: Record<string, number>;
  /**
   * How patches are cut and augmented: a name, or a recipe whose missing parts are
   * those of the architecture's recipe, which is also the default. For a method with
   * views it changes all of them; a list has one for each.
   */
  recipe?: OwnRecipe | OwnRecipe[];
  /**
   * Side of a patch in pixels; the data set's or architecture's by default. With
   * progressive resizing it is the last size, which evaluation uses too.
   */
  patchSize?: number;
  /** Sizes before `patchSize`, in order: progressive resizing. */
  progressive?: ProgressiveSize[];
  /** Epochs. */
  epoch: number;
  /**
   * Length of the run in steps, in place of `epoch`; the schedule ends there too. With 0
   * the run holds its initial weights, such as those of `init`.
   */
  maxSteps?: number;
  /** Images per batch: b. */
  bs: number;
  /** Patches per image: n. */
  numPatches: number;
  /** Weight of the invariance. */
  patchSim: number;
  /** Weight of the total coding rate. */
  tcr: number;
  /** The paper's ε². */
  eps: number;
  /** The architecture; by default it follows from the data set. */
  arch?: ArchitectureName;
  /** Overrides of the architecture: depth, widths, stem, channels. */
  model?: Partial<Omit<ModelConfig, "method">>;
  /**
   * Bits per channel of a pixel: those of the data set by default, 8 unless it says
   * otherwise. The number of channels is `model.channels`.
   */
  bits?: 8 | 16;
  /**
   * The peak learning rate: at the first step, or after the warm-up. By default the
   * method's for this batch size.
   */
  lr?: number;
  /** How the learning rate decays to zero: `cosine` by default. */
  schedule?: Schedule;
  /** Learning rate warm-up: epochs (`"1"`) or a share of the run (`"10%"`). */
  warmUp?: string;
  /**
   * The learning rate at which LARS clips its local rate: `current`, as in the authors'
   * program, or `initial`, with which the schedule scales every step.
   */
  larsClip?: LarsClip;
  /**
   * The optimiser: the method's `published` one (EMP-SSL: LARS) by default, or `muon`
   * for the filters of convolutions and the published one for the other parameters.
   * At the method's default learning rate a step of Muon moves a filter by 6 % of its norm.
   */
  optimizer?: OptimizerName;
  /** Weight decay: the method's by default, EMP-SSL 1e-4. */
  weightDecay?: number;
  /** Momentum of the optimiser, under 1: 0.9 by default. */
  momentum?: number;
  /** The trust coefficient η of LARS: the method's by default, EMP-SSL 0.005. */
  eta?: number;
  /** Seed of everything random: 0 to 2³² − 1. */
  seed: number;
  /** Patch workers; by default a quarter of the cores, with a GPU all but one. */
  workers?: number;
  /** Number of training images to use: a fixed random subset. */
  limitImages?: number;
  /** The engine that runs the model. */
  engine: EngineChoice;
  /** End the run at the first image that cannot be read. */
  strict?: boolean;
  /** Number format of convolutions and dense layers. */
  precision: PrecisionChoice;
  /**
   * Patches of each image that go through the network at a time, a divisor of
   * `numPatches`; `auto` splits a step only if it would not fit into memory.
   */
  microBatch: number | "auto";
  /** Start from the weights in this file; nothing else of the file is used. */
  init?: string;
  /**
   * Write a checkpoint after so many steps (`"100"`) or minutes (`"10m"`), in addition
   * to one after each epoch.
   */
  saveEvery?: string;
  /** How many checkpoints are kept. */
  keep: number;
  /**
   * CPU threads of the engine; all cores by default. TensorFlow keeps those of the first
   * engine in a process: the report of a later one with others has a warning.
   */
  threads?: number;
  /**
   * Whether XLA compiles what it can of the step; `auto` decides by measurement. On a CPU
   * TensorFlow reads this once in a process.
   */
  xla?: XlaChoice;
  /** Write event files for TensorBoard into the run's folder. */
  tensorboard?: boolean;
  /** Replicas in this process; `auto` is one for each GPU. */
  replicas?: number | "auto";
  /** Whether batch norm statistics are computed over all replicas (synchronized). */
  syncBn?: boolean;
  /** `host:port` of all processes that train together. */
  cluster?: string[];
  /** The index of this process in `cluster`; process 0 writes the run's folder. */
  task?: number;
  /** Seconds of silence after which a process counts as lost: 30 by default. */
  peerTimeout?: number;
  /**
   * The run's folder; by default `runs/<data>-N` in the working folder, with a note
   * `runs/<data>-<note>-N`.
   */
  dir?: string;
  /** A note that is stored with the run. */
  msg?: string;
}

/** A complete configuration: every open choice is decided. */
export interface ResolvedConfig extends TrainConfig {
  /** The architecture. */
  arch: ArchitectureName;
  /** How patches are cut and augmented; for a method with views only in evaluation. */
  recipe: RecipeChoice;
  /** For a method with views: how each view is cut and augmented. */
  views?: Recipe[];
  /** The recipe that the user has chosen for the views, if any. */
  viewRecipe?: TrainConfig["recipe"];
  /** The peak learning rate. */
  lr: number;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** Images in the training set. */
  images: number;
  /** For shards and a user's module: a digest of the images' names and labels. */
  dataDigest?: string;
  /** Steps per epoch. */
  stepsPerEpoch: number;
  /** Steps in all. */
  steps: number;
}

/** The channels and bits of a run's pixels. */
export function pixelsOf(
  { model, bits = 8 }: Pick<TrainConfig, "model" | "bits">,
): PixelFormat {
  return { channels: model?.channels ?? 3, bits };
}

/** The bits of a run's patches, and how the engine normalises them. */
export function valuesOf(
  { bits, recipe }: Pick<ResolvedConfig, "bits" | "recipe">,
): PatchValues {
  return { bits, normalize: recipeOf(recipe).normalize };
}

/**
 * The training set of a stored run, to show or check its images.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` for a module that is not on this machine.
 */
export function storedSource(config: ResolvedConfig): DatasetSource {
  const remedy = "its images are left out";
  checkStoredModule(config.data, "the run", remedy);
  return trainSource(config);
}

/** The training set of a configuration. */
export function trainSource(config: ResolvedConfig): DatasetSource {
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
    // By default a crop has half the side of its image.
    cache: cache === undefined ? undefined : {
      dir: cache,
      side: 2 * largestPatchSize(config),
      limit: cacheLimit && cacheLimit * 1e9,
    },
  };
}
