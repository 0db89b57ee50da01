/**
 * The configuration of a run, completed with what depends on the data.
 *
 * @module
 */
import { SMALL_SIDE } from "../patches/recipe.ts";
import type { CallOptions } from "../common/call_options.ts";
import { resolve } from "node:path";
import { datasetEntry } from "../data/catalog.ts";
import { checkPlaces } from "../data/check_places.ts";
import { openDataset, withPixels } from "../data/open_dataset.ts";
import { isModule, moduleUrl } from "../data/own_data.ts";
import { digestOf } from "../data/digest.ts";
import { checkCache } from "../data/decoded_cache.ts";
import type { Dataset, DatasetSource } from "../data/dataset.ts";
import {
  formatName,
  type Image,
  isFormat,
  type PixelFormat,
  RGB,
} from "../data/image.ts";
import { prepareDataset, type PrepareEvent } from "../data/prepare.ts";
import { architecture, type ArchitectureName } from "../model/architectures.ts";
import { modelOf } from "../model/model_of.ts";
import { flagError } from "../common/flag_error.ts";
import {
  pixelsOf,
  type ResolvedConfig,
  type TrainConfig,
} from "../checkpoint/run_config.ts";
import { unlessLeftOut } from "../checkpoint/settings.ts";
import { type TrainChoices, withDefaults } from "./choices.ts";
import { dataDefaults } from "./data_defaults.ts";
import {
  headChoices,
  methodDefaults,
  methodRate,
  methodWarmUp,
} from "./method_defaults.ts";
import { runRecipes } from "./views.ts";
import { validateConfig } from "./validate.ts";
import { warmUpSteps } from "./warm_up.ts";

/** How many images are tried to find one that can be read. */
const LOOKED_AT = 10;

/** The first image that can be read, of some spread over the data set. */
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

/** The pixel format of a run's images: the user's choice, or that of the data. */
function chosenPixels(config: TrainConfig, dataset: Dataset): PixelFormat {
  const own = dataset.pixels ?? RGB;
  return pixelsOf({
    model: { channels: config.model?.channels ?? own.channels },
    bits: config.bits ?? own.bits,
  });
}

/** The architecture that suits the size of a data set's images. */
async function architectureForSize(
  dataset: Dataset,
): Promise<ArchitectureName> {
  const { width, height } = await firstWhole(dataset);
  const side = Math.min(width, height);
  return side <= SMALL_SIDE ? "resnet18-cifar" : "resnet18-imagenet";
}

/** A run that can begin. */
export interface PreparedRun {
  /** Its complete configuration. */
  config: ResolvedConfig;
  /** Its training images, already searched: all threads open this source. */
  source: DatasetSource;
}

/** Rejects choices of a new run that would have no effect. */
function checkUsed(config: TrainConfig): void {
  const { data, dataDir, classes, cache, cacheLimit } = config;
  checkPlaces({ data, dataDir, classes }, "train with");
  const { larsClip, eta, method } = config;
  if (methodDefaults(config).optimizer.scaling === "none") {
    const found = `the steps of ${method} are not scaled by LARS`;
    if (larsClip === "initial") {
      throw flagError(`--lars-clip ${larsClip}`, found, "leave it out");
    }
    if (eta !== undefined) {
      throw flagError(`--eta ${eta}`, found, "leave it out");
    }
  }
  if (cacheLimit === undefined || cache !== undefined) return;
  throw flagError(
    `--cache-limit ${cacheLimit}`,
    "there is no --cache",
    "give both or neither",
  );
}

/**
 * Completes the configuration of a run that has begun: what has no effect in it is
 * accepted, otherwise as {@linkcode prepareRun}.
 */
export async function resolveConfig(
  choices: TrainChoices,
  call: CallOptions<PrepareEvent> = {},
): Promise<ResolvedConfig> {
  return (await prepare(withDefaults(choices), call)).config;
}

/**
 * Checks a configuration, downloads and opens its data, and decides what was left open.
 *
 * @param choices The user's choices; the rest is the data set's, or `TRAIN_DEFAULTS`.
 * @param call A signal that ends a download, and a callback for its progress.
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
  call: CallOptions<PrepareEvent> = {},
): Promise<PreparedRun> {
  const config = withDefaults(choices);
  checkUsed(config);
  const run = await prepare(config, call);
  if (config.bits === undefined && config.model?.channels !== undefined) {
    await refuseLostBits(run, config.model.channels);
  }
  return run;
}

/** Rejects images of 16 bits of which 8 would be read, unless the user asked for that. */
async function refuseLostBits(
  { config, source }: PreparedRun,
  channels: number,
): Promise<void> {
  if (config.bits === 16) return;
  const whole = await openDataset({
    ...source,
    pixels: { channels, bits: 16 },
  });
  // An image of 8 bits cannot be read as one of 16.
  if (await firstWhole(whole).catch(() => undefined) === undefined) return;
  throw flagError(
    `--channels ${channels}`,
    "the images have 16 bits a channel, of which the upper 8 would be read",
    "give --bits 16 too, or --bits 8 if that is wanted",
  );
}

async function prepare(
  config: TrainConfig,
  call: CallOptions<PrepareEvent>,
): Promise<PreparedRun> {
  validateConfig(config);
  // Absolute, so that it names the same module from any working folder.
  if (isModule(config.data)) config.data = moduleUrl(config.data);
  const prepared = await prepareDataset({
    name: config.data,
    options: config.dataOptions,
    // Absolute: the run may be evaluated or resumed from another folder.
    dir: config.dataDir && resolve(config.dataDir),
    limit: config.limitImages,
    classes: config.classes,
    url: config.dataUrl,
    download: config.download ?? true,
  }, call);
  const { dir: dataDir, source } = prepared;
  const pixels = chosenPixels(config, prepared.dataset);
  const dataset = withPixels(prepared.dataset, pixels);
  const { channels, bits } = pixels, images = dataset.length;
  if (images < 2) {
    const isLimited = config.limitImages === 1;
    throw flagError(
      isLimited
        ? `--limit-images ${config.limitImages}`
        : `--data-dir ${dataDir}`,
      `it gives ${images} image, and a batch needs at least two`,
      isLimited ? "give two or more" : "add images",
    );
  }
  if (config.bs > images) {
    throw flagError(
      `--bs ${config.bs}`,
      `${config.data} has ${images} images`,
      `give ${images} or fewer`,
    );
  }
  if (config.cache !== undefined && !isFormat(pixels, RGB)) {
    throw flagError(
      `--cache ${config.cache}`,
      `it holds 8-bit RGB, but the images have ${formatName(pixels)}`,
      "leave it out",
    );
  }
  const entry = datasetEntry(config.data);
  if (config.cache !== undefined && !entry.files) {
    throw flagError(
      `--cache ${config.cache}`,
      `${config.data} has no separate image files to decode`,
      "leave it out",
    );
  }
  if (config.cache !== undefined) checkCache(config.cache);
  const ofData = dataDefaults(config.data);
  const arch = config.arch ?? ofData.arch ?? await architectureForSize(dataset);
  if (
    config.model?.stemPadding === 2 &&
    modelOf({ arch, model: config.model }).stem === "imagenet"
  ) {
    throw flagError(
      "--model",
      `stemPadding is 2, but the stem of ${arch} is not of 3 × 3`,
      "leave stemPadding out",
    );
  }
  const stepsPerEpoch = Math.floor(images / config.bs);
  const steps = config.maxSteps ?? stepsPerEpoch * config.epoch;
  const head = headChoices(config, arch);
  const resolved = {
    ...config,
    dataDir: dataDir && resolve(dataDir),
    classes: config.classes && resolve(config.classes),
    cache: config.cache && resolve(config.cache),
    arch,
    ...runRecipes(config, arch, channels),
    ...head,
    larsClip: unlessLeftOut("larsClip", config),
    optimizer: unlessLeftOut("optimizer", config),
    // Three channels and 8 bits are left out of `config.json`.
    ...(channels === 3 ? {} : {
      model: { ...(head.model ?? config.model), channels },
    }),
    ...(bits === 8 ? {} : { bits }),
    patchSize: config.patchSize ?? ofData.patchSize ??
      architecture(arch).patchSize,
    images,
    dataDigest: entry.digest ? digestOf(dataset, `${dataDir}/`) : undefined,
    stepsPerEpoch,
    steps,
    lr: config.lr ?? methodRate(config, arch),
    warmUp: config.warmUp ?? methodWarmUp(config, { arch, steps }),
  };
  warmUpSteps(resolved.warmUp, resolved);
  // Reads an image now, so that an unsuitable format is reported before any work.
  if (!isFormat(pixels, RGB)) await firstWhole(dataset);
  return { config: resolved, source: { ...source, pixels } };
}
