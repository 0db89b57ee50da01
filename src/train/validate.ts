/**
 * Checks a run's choices, before anything is opened.
 *
 * @module
 */
import type { TrainConfig } from "../checkpoint/run_config.ts";
import { checkMembership } from "../cluster/membership.ts";
import { checkPositive, checkSeed } from "../common/count.ts";
import { checkOptionsOf } from "../data/catalog.ts";
import { checkWish, type ClusterWish } from "../engine/engine.ts";
import { flagError, flagOf } from "../common/flag_error.ts";
import { viewCount } from "../model/methods/method.ts";
import { WEIGHT } from "../model/methods/options.ts";
import { methodNamed } from "../model/methods/methods.ts";
import { architecture } from "../model/architectures.ts";
import { completeRecipe } from "../patches/recipe_schema.ts";
import { TRAIN_DEFAULTS } from "./choices.ts";
import { checkChoices } from "./config_schema.ts";
import { checkProgressive } from "../stream/patch_sizes.ts";
import { checkWorkers } from "../stream/worker_count.ts";
import { parseSaveEvery } from "./save_every.ts";
import { parseWarmUp } from "./warm_up.ts";

/** A flag, its value, its minimum, and the reason for the minimum. */
type Least = [string, number | undefined, number, string];

/** Rejects invalid choices. */
export function validateConfig(config: TrainConfig): void {
  checkChoices(config);
  const { numPatches, bs, epoch, limitImages } = config;
  const { progressive = [] } = config;
  const whole: Least[] = [
    [
      "--num-patches",
      numPatches,
      2,
      "the invariance needs at least two patches",
    ],
    ["--bs", bs, 2, "a batch needs at least two images"],
    ["--epoch", epoch, 1, "a run needs at least one epoch"],
    ["--max-steps", config.maxSteps, 0, "it is not a number of steps"],
    ["--limit-images", limitImages, 1, "at least one image is needed"],
    ["--keep", config.keep, 1, "at least one checkpoint is kept"],
    ["--threads", config.threads, 1, "at least one thread is needed"],
    ...[config.patchSize, ...progressive.map((it) => it.patchSize)].map((
      size,
    ) =>
      [
        "--patch-size",
        size,
        8,
        "the network halves the side several times",
      ] as Least
    ),
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
  checkWorkers(config.workers);
  checkProgressive(progressive);
  if (config.saveEvery !== undefined) parseSaveEvery(config.saveEvery);
  const { data, dataOptions } = config;
  if (dataOptions !== undefined) checkOptionsOf(data, dataOptions);
  checkRecipes(config);
  checkMethod(config);
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
      `give auto or a divisor of ${numPatches}`,
    );
  }
  checkCluster(config);
  checkWish({ ...config, cluster: clusterWish(config) });
  const { weightDecay = 0, momentum = 0 } = config;
  if (!(weightDecay >= 0 && weightDecay < Infinity)) {
    const found = "it must be finite and not negative";
    throw flagError(`--weight-decay ${weightDecay}`, found, "give 0 or more");
  }
  if (!(momentum >= 0 && momentum < 1)) {
    const found = "it is not from 0 to under 1";
    throw flagError(`--momentum ${momentum}`, found, "give for example 0.9");
  }
  for (const name of ["eps", "lr", "eta", "cacheLimit"] as const) {
    const value = config[name];
    const subject = `${flagOf(name)} ${value}`;
    checkPositive(value, { action: "train with", subject });
  }
  for (const name of ["patchSim", "tcr"] as const) {
    const value = config[name];
    if (Number.isFinite(value)) continue;
    throw flagError(flagOf(name), `it is ${value}`, "give a number");
  }
  const { seed } = config;
  checkSeed(seed, { action: "train with", subject: `--seed ${seed}` });
  if (config.arch !== undefined) architecture(config.arch);
}

/** Rejects invalid recipes, and a list of them that is not one for each view. */
function checkRecipes({ recipe, method: name }: TrainConfig): void {
  const recipes = Array.isArray(recipe) ? recipe : [recipe];
  for (const own of recipes) {
    if (typeof own === "object") completeRecipe(own, "cifar");
  }
  if (!Array.isArray(recipe)) return;
  const method = methodNamed(name), views = viewCount(method);
  if (views === recipes.length) return;
  throw flagError(
    `--recipe with ${recipes.length} recipes`,
    views === undefined
      ? `${method.name} cuts all patches by one`
      : `${method.name} takes ${views} views of an image`,
    views === undefined ? "give one" : `give one, or ${views}`,
  );
}

/** Rejects choices that the method does not support. */
function checkMethod(config: TrainConfig): void {
  const { method: name, methodOptions = {}, numPatches, microBatch } = config;
  const method = methodNamed(name), { patchSim, tcr } = config;
  for (const [option, value] of Object.entries(methodOptions)) {
    const known = Object.keys(method.options);
    if (!known.includes(option)) {
      throw flagError(
        "--method-options",
        `${method.name} has no ${option}`,
        known.length === 0
          ? "leave them out"
          : `give numbers for ${known.join(", ")}`,
      );
    }
    const { fits, wanted } = method.limits?.[option] ?? WEIGHT;
    if (fits(value)) continue;
    throw flagError(
      "--method-options",
      `${option} is ${value}`,
      `give ${wanted}`,
    );
  }
  const views = viewCount(method);
  if (views === undefined) return;
  if (numPatches !== views) {
    throw flagError(
      `--num-patches ${numPatches}`,
      `${method.name} takes ${views} views of an image`,
      "leave it out",
    );
  }
  if (!method.microBatches && microBatch !== "auto" && microBatch !== views) {
    throw flagError(
      `--micro-batch ${microBatch}`,
      `the loss of ${method.name} needs all views at once`,
      "leave it out",
    );
  }
  for (
    const [flag, value, usual] of [
      ["--patch-sim", patchSim, TRAIN_DEFAULTS.patchSim],
      ["--tcr", tcr, TRAIN_DEFAULTS.tcr],
    ] as const
  ) {
    if (value === usual) continue;
    const found = `the loss of ${method.name} has no such weight`;
    throw flagError(`${flag} ${value}`, found, "leave it out");
  }
}

/** Rejects invalid processes, and batches that replicas cannot share equally. */
function checkCluster(config: TrainConfig): void {
  const { cluster, task, replicas, bs } = config;
  if (cluster !== undefined) {
    checkMembership({ addresses: cluster, task });
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
  checkBatchNorms(config, count);
}

/**
 * Rejects a batch norm over one value per channel: its output is its bias alone, whatever
 * the input. PyTorch refuses it too.
 *
 * @param replicas Their number in all processes.
 */
export function checkBatchNorms(
  { bs, numPatches, microBatch, method, syncBn }: TrainConfig,
  replicas: number,
): void {
  if (syncBn) return;
  const { views } = methodNamed(method);
  // A method with views computes the statistics of each view apart.
  const patches = views !== undefined
    ? 1
    : microBatch === "auto"
    ? numPatches
    : microBatch;
  if (patches * bs / replicas > 1) return;
  const [one, larger] = views
    ? ["view", ""]
    : ["patch", " a larger --micro-batch,"];
  throw flagError(
    `--bs ${bs}`,
    `batch norm would see one ${one} at a time in each of ${replicas} replicas`,
    `give more images,${larger} or --sync-bn`,
  );
}

/** The replicas that a configuration requests; undefined for a single one. */
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
