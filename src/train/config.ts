/**
 * What a run is made of: the user's choices, and what follows from them.
 *
 * @module
 */
import { DATASETS } from "../data/catalog.ts";
import type { Dataset, DatasetSource } from "../data/dataset.ts";
import type { Image } from "../data/image.ts";
import { prepareDataset, type PrepareEvent } from "../data/prepare.ts";
import {
  checkWish,
  type ClusterWish,
  type EngineChoice,
  type PrecisionChoice,
} from "../engine/engine.ts";
import type { RecipeName } from "../patches/recipe.ts";
import { architecture } from "../model/architectures.ts";
import { checkMembership } from "./cluster.ts";
import { refuse } from "./refuse_flag.ts";
import { parseSaveEvery } from "./save_every.ts";

/** The user's choices; the defaults are the paper's. */
export interface TrainConfig {
  /** The data set's name. */
  data: string;
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
  /** Side of a patch in pixels; the architecture's own where not given. */
  patchSize?: number;
  /** Epochs. */
  epoch: number;
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
  arch?: string;
  /** Learning rate of the first step. */
  lr: number;
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
  /** Number format of the heavy operations. */
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
  /** The run's folder. */
  dir?: string;
  /** A note that is kept with the run. */
  msg?: string;
}

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

/** A configuration with nothing left open. */
export interface ResolvedConfig extends TrainConfig {
  /** The architecture. */
  arch: string;
  /** The patch recipe. */
  recipe: RecipeName;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** Images in the training set. */
  images: number;
  /** Steps an epoch. */
  stepsPerEpoch: number;
  /** Steps in all. */
  steps: number;
}

/** Refuses what cannot be, before anything is opened. */
export function validateConfig(config: TrainConfig): void {
  const { numPatches, bs, eps, epoch, lr, workers, limitImages } = config;
  const whole: [string, number | undefined, number, string][] = [
    ["--num-patches", numPatches, 2, "agreement needs two patches or more"],
    ["--bs", bs, 2, "a batch needs two images or more"],
    ["--epoch", epoch, 1, "a run needs one epoch or more"],
    ["--workers", workers, 1, "somebody must cut the patches"],
    ["--limit-images", limitImages, 1, "a run needs images"],
    ["--keep", config.keep, 1, "a run needs a checkpoint"],
    ["--threads", config.threads, 1, "somebody must compute"],
    ["--patch-size", config.patchSize, 8, "the network halves it thrice"],
    ["--peer-timeout", config.peerTimeout, 1, "processes need time to answer"],
  ];
  if (config.replicas !== "auto") {
    whole.push(["--replicas", config.replicas, 1, "somebody must compute"]);
  }
  for (const [flag, value, least, why] of whole) {
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < least) {
      refuse(`${flag} ${value}`, why, `give a whole number from ${least} up`);
    }
  }
  if (config.saveEvery !== undefined) parseSaveEvery(config.saveEvery);
  const { microBatch } = config;
  if (
    microBatch !== "auto" &&
    !(Number.isInteger(microBatch) && microBatch >= 1 &&
      numPatches % microBatch === 0)
  ) {
    refuse(
      `--micro-batch ${microBatch}`,
      `it does not divide the ${numPatches} patches of an image`,
      "give auto or a divisor",
    );
  }
  checkCluster(config);
  checkWish({ ...config, cluster: clusterWish(config) });
  if (!(eps > 0)) {
    refuse(`--eps ${eps}`, "it divides", "give a number over 0, such as 0.2");
  }
  if (!(lr > 0)) {
    refuse(`--lr ${lr}`, "nothing would move", "give a number over 0");
  }
  for (const name of ["patchSim", "tcr"] as const) {
    if (!Number.isFinite(config[name])) {
      refuse(`--${name}`, `it is ${config[name]}`, "give a number");
    }
  }
  const { seed } = config;
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    refuse(`--seed ${seed}`, "it is not one", "give 0 to 4294967295");
  }
  if (config.arch !== undefined) architecture(config.arch);
}

/** Refuses replicas and processes that cannot be. */
function checkCluster(config: TrainConfig): void {
  const { cluster, task, replicas, bs } = config;
  if (cluster !== undefined) {
    checkMembership({ addresses: cluster, task: task ?? 0 });
  } else if (task !== undefined) {
    refuse(`--task ${task}`, "there is no --cluster", "give both or neither");
  }
  const count = (cluster?.length ?? 1) *
    (typeof replicas === "number" ? replicas : 1);
  if (bs % count !== 0) {
    refuse(
      `--bs ${bs}`,
      `it is not a multiple of the ${count} replicas`,
      `give a multiple of ${count}`,
    );
  }
}

/** The replicas that a configuration asks for; nothing where there is one. */
export function clusterWish(
  { cluster, task, replicas, syncBn }: TrainConfig,
): ClusterWish | undefined {
  if (cluster === undefined && (replicas ?? 1) === 1) return undefined;
  return {
    replicas: replicas ?? 1,
    addresses: cluster ?? [],
    task: task ?? 0,
    syncBatchNorm: syncBn ?? false,
  };
}

/** Images that are looked at for their size, where the first ones are damaged. */
const LOOKED_AT = 10;

/** The first image that is whole, from places all over the set. */
async function firstWhole(dataset: Dataset): Promise<Image> {
  const { length } = dataset, tries = Math.min(LOOKED_AT, length);
  for (let i = 0;; i++) {
    try {
      return await dataset.image(Math.floor(i * length / tries));
    } catch (error) {
      if (i === tries - 1) throw error;
    }
  }
}

/** The architecture that suits the size of a set's images. */
async function architectureForSize(dataset: Dataset): Promise<string> {
  const { width, height } = await firstWhole(dataset);
  const side = Math.min(width, height);
  if (side <= 48) return "resnet18-cifar";
  return side <= 96 ? "resnet18-tinyimagenet" : "resnet18-imagenet";
}

/** The recipe that goes with an architecture. */
export function recipeOf(arch: string): RecipeName {
  return arch === "resnet18-imagenet" ? "imagenet" : "cifar";
}

/** The training set of a configuration. */
export function trainSource(
  config: Pick<
    ResolvedConfig,
    "data" | "dataDir" | "limitImages" | "classes" | "cache" | "patchSize"
  >,
): DatasetSource {
  const { data, dataDir, limitImages, classes, cache, patchSize } = config;
  return {
    name: data,
    dir: dataDir,
    split: "train",
    limit: limitImages,
    classes,
    // A crop has half the side of its image.
    cache: cache === undefined
      ? undefined
      : { dir: cache, side: 2 * patchSize },
  };
}

/**
 * Checks a configuration, gets and opens its data and fills in what was left
 * open.
 *
 * @param config The user's choices.
 * @param onPrepare Told of a download's progress.
 * @throws {EmpSslError} `INVALID_ARGUMENT`, `NOT_FOUND` or `INVALID_DATA`.
 *
 * @example The number of steps follows from the data
 * ```ts
 * import { resolveConfig, TRAIN_DEFAULTS } from "./config.ts";
 *
 * const config = await resolveConfig({ ...TRAIN_DEFAULTS, bs: 50 });
 * console.assert(config.steps === 2 * config.images / 50);
 * ```
 */
export async function resolveConfig(
  config: TrainConfig,
  onPrepare?: (event: PrepareEvent) => void,
): Promise<ResolvedConfig> {
  validateConfig(config);
  const { dir: dataDir, dataset } = await prepareDataset({
    name: config.data,
    dir: config.dataDir,
    limit: config.limitImages,
    classes: config.classes,
    url: config.dataUrl,
    download: config.download ?? true,
    onEvent: onPrepare,
  });
  const images = dataset.length;
  if (config.bs > images) {
    refuse(
      `--bs ${config.bs}`,
      `${config.data} has ${images} images`,
      `give ${images} or fewer`,
    );
  }
  const entry = DATASETS[config.data];
  if (config.cache !== undefined && !entry.files) {
    refuse(
      `--cache ${config.cache}`,
      `the images of ${config.data} are no files to be decoded`,
      "leave it out",
    );
  }
  const arch = config.arch ??
    (entry.arch === "by-size"
      ? await architectureForSize(dataset)
      : entry.arch);
  const stepsPerEpoch = Math.floor(images / config.bs);
  return {
    ...config,
    dataDir,
    arch,
    recipe: recipeOf(arch),
    patchSize: config.patchSize ?? entry.patchSize ??
      architecture(arch).patchSize,
    images,
    stepsPerEpoch,
    steps: stepsPerEpoch * config.epoch,
  };
}
