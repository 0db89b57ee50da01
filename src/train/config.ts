/**
 * The configuration of a run: defaults, validation, and what follows from the
 * data.
 *
 * @module
 */
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { datasetEntry } from "../data/catalog.ts";
import { isModule, moduleUrl } from "../data/own_data.ts";
import { digestOf } from "../data/digest.ts";
import { checkCache } from "../data/decoded_cache.ts";
import type { Dataset, DatasetSource } from "../data/dataset.ts";
import type { Image } from "../data/image.ts";
import { prepareDataset, type PrepareEvent } from "../data/prepare.ts";
import { checkWish, type ClusterWish } from "../engine/engine.ts";
import type { RecipeChoice } from "../patches/recipe.ts";
import { completeRecipe } from "../patches/recipe_schema.ts";
import { architecture, type ArchitectureName } from "../model/architectures.ts";
import { checkMembership } from "../cluster/membership.ts";
import { flagError } from "../flag_error.ts";
import type { ResolvedConfig, TrainConfig } from "../checkpoint/run_config.ts";
import {
  checkChoices,
  defaultRecipe,
  type TrainChoices,
  withDefaults,
} from "./config_schema.ts";
import { parseSaveEvery } from "./save_every.ts";
import { parseWarmUp, warmUpSteps } from "./warm_up.ts";

/** Rejects invalid settings, before anything is opened. */
export function validateConfig(config: TrainConfig): void {
  checkChoices(config);
  const { numPatches, bs, eps, epoch, lr, workers, limitImages } = config;
  const whole: [string, number | undefined, number, string][] = [
    [
      "--num-patches",
      numPatches,
      2,
      "the invariance needs at least two patches",
    ],
    ["--bs", bs, 2, "a batch needs at least two images"],
    ["--epoch", epoch, 1, "a run needs at least one epoch"],
    ["--workers", workers, 1, "at least one worker is needed"],
    ["--limit-images", limitImages, 1, "at least one image is needed"],
    ["--keep", config.keep, 1, "at least one checkpoint is kept"],
    ["--threads", config.threads, 1, "at least one thread is needed"],
    ["--patch-size", config.patchSize, 8, "the network halves it three times"],
    [
      "--peer-timeout",
      config.peerTimeout,
      1,
      "processes need at least a second to answer",
    ],
  ];
  if (config.replicas !== "auto") {
    whole.push([
      "--replicas",
      config.replicas,
      1,
      "at least one replica is needed",
    ]);
  }
  for (const [flag, value, least, why] of whole) {
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < least) {
      throw flagError(
        `${flag} ${value}`,
        why,
        `give a whole number from ${least} up`,
      );
    }
  }
  const { cacheLimit } = config;
  if (cacheLimit !== undefined && !(cacheLimit > 0)) {
    throw flagError(
      `--cache-limit ${cacheLimit}`,
      "it must be positive",
      "give gigabytes",
    );
  }
  if (config.saveEvery !== undefined) parseSaveEvery(config.saveEvery);
  checkDataOptions(config);
  if (typeof config.recipe === "object") completeRecipe(config.recipe, "cifar");
  if (config.warmUp !== undefined) parseWarmUp(config.warmUp);
  const { microBatch } = config;
  if (
    microBatch !== "auto" &&
    !(Number.isInteger(microBatch) && microBatch >= 1 &&
      numPatches % microBatch === 0)
  ) {
    throw flagError(
      `--micro-batch ${microBatch}`,
      `it does not divide the ${numPatches} patches of an image`,
      "give auto or a divisor",
    );
  }
  checkCluster(config);
  checkWish({ ...config, cluster: clusterWish(config) });
  if (!(eps > 0)) {
    throw flagError(
      `--eps ${eps}`,
      "it must be positive",
      "give a number over 0, such as 0.2",
    );
  }
  if (!(lr > 0)) {
    throw flagError(
      `--lr ${lr}`,
      "it must be positive",
      "give a number over 0",
    );
  }
  for (const name of ["patchSim", "tcr"] as const) {
    if (!Number.isFinite(config[name])) {
      throw flagError(`--${name}`, `it is ${config[name]}`, "give a number");
    }
  }
  const { seed } = config;
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw flagError(
      `--seed ${seed}`,
      "it is not a whole number from 0 to 4294967295",
      "give one",
    );
  }
  if (config.arch !== undefined) architecture(config.arch);
}

/** Refuses options that cannot be kept with the run, or that nothing takes. */
function checkDataOptions({ data, dataOptions }: TrainConfig): void {
  if (dataOptions === undefined) return;
  if (!isModule(data)) {
    throw flagError(
      "--data-options",
      `${data} has none`,
      "name a module with --data, or leave them out",
    );
  }
  const kept = JSON.parse(JSON.stringify(dataOptions));
  if (!isDeepStrictEqual(kept, dataOptions)) {
    throw flagError(
      "--data-options",
      "they are not plain data, which a run could keep",
      "give numbers, texts, lists and objects of them",
    );
  }
}

/** Refuses replicas and processes that cannot be. */
function checkCluster(config: TrainConfig): void {
  const { cluster, task, replicas, bs } = config;
  if (cluster !== undefined) {
    checkMembership({ addresses: cluster, task: task ?? 0 });
  } else if (task !== undefined) {
    throw flagError(
      `--task ${task}`,
      "there is no --cluster",
      "give both or neither",
    );
  }
  const count = (cluster?.length ?? 1) *
    (typeof replicas === "number" ? replicas : 1);
  if (bs % count !== 0) {
    throw flagError(
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

/** The recipe of a run: of its own, or the one that goes with its architecture. */
function chosenRecipe(
  recipe: TrainConfig["recipe"],
  arch: string,
): RecipeChoice {
  const usual = defaultRecipe(arch);
  if (recipe === undefined) return usual;
  return typeof recipe === "string" ? recipe : completeRecipe(recipe, usual);
}

/** The architecture that suits the size of a set's images. */
async function architectureForSize(
  dataset: Dataset,
): Promise<ArchitectureName> {
  const { width, height } = await firstWhole(dataset);
  const side = Math.min(width, height);
  if (side <= 48) return "resnet18-cifar";
  return side <= 96 ? "resnet18-tinyimagenet" : "resnet18-imagenet";
}

/** A run that can begin. */
export interface PreparedRun {
  /** Its configuration, with nothing left open. */
  config: ResolvedConfig;
  /** Its training images, searched once: all threads open this. */
  source: DatasetSource;
}

/** As {@linkcode prepareRun}; the configuration alone. */
export async function resolveConfig(
  choices: TrainChoices,
  onPrepare?: (event: PrepareEvent) => void,
): Promise<ResolvedConfig> {
  return (await prepareRun(choices, onPrepare)).config;
}

/**
 * Checks a configuration, gets and opens its data and fills in what was left
 * open.
 *
 * @param choices The user's; the rest is from `TRAIN_DEFAULTS`.
 * @param onPrepare Told of a download's progress.
 * @throws {EmpSslError} `INVALID_ARGUMENT`, `NOT_FOUND` or `INVALID_DATA`.
 *
 * @example The number of steps follows from the data
 * ```ts
 * import { prepareRun } from "./config.ts";
 *
 * const { config } = await prepareRun({ bs: 50 });
 * console.assert(config.steps === config.images / 50);
 * ```
 */
export async function prepareRun(
  choices: TrainChoices,
  onPrepare?: (event: PrepareEvent) => void,
): Promise<PreparedRun> {
  const config = withDefaults(choices);
  validateConfig(config);
  // From every folder the same module, as that of the files.
  if (isModule(config.data)) config.data = moduleUrl(config.data);
  const { dir: dataDir, dataset, source } = await prepareDataset({
    name: config.data,
    options: config.dataOptions,
    // Absolute: the run may be evaluated or resumed from another folder.
    dir: config.dataDir && resolve(config.dataDir),
    limit: config.limitImages,
    classes: config.classes,
    url: config.dataUrl,
    download: config.download ?? true,
    onEvent: onPrepare,
  });
  const images = dataset.length;
  if (images < 2) {
    throw flagError(
      `--data-dir ${dataDir}`,
      `it has ${images} image, and a batch needs at least two`,
      "add images",
    );
  }
  if (config.bs > images) {
    throw flagError(
      `--bs ${config.bs}`,
      `${config.data} has ${images} images`,
      `give ${images} or fewer`,
    );
  }
  const entry = datasetEntry(config.data);
  if (config.cache !== undefined && !entry.files) {
    throw flagError(
      `--cache ${config.cache}`,
      `the images of ${config.data} are no files to be decoded`,
      "leave it out",
    );
  }
  if (config.cache !== undefined) checkCache(config.cache);
  const arch = config.arch ??
    (entry.arch === "by-size"
      ? await architectureForSize(dataset)
      : entry.arch as ArchitectureName);
  const stepsPerEpoch = Math.floor(images / config.bs);
  const resolved = {
    ...config,
    dataDir: dataDir && resolve(dataDir),
    classes: config.classes && resolve(config.classes),
    cache: config.cache && resolve(config.cache),
    arch,
    recipe: chosenRecipe(config.recipe, arch),
    patchSize: config.patchSize ?? entry.patchSize ??
      architecture(arch).patchSize,
    images,
    dataDigest: entry.digest ? digestOf(dataset, `${dataDir}/`) : undefined,
    stepsPerEpoch,
    steps: stepsPerEpoch * config.epoch,
  };
  warmUpSteps(resolved.warmUp, resolved);
  return { config: resolved, source };
}
