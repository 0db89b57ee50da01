/**
 * Resuming a run.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { EmpSslError } from "../errors.ts";
import { exists } from "../files.ts";
import {
  type CheckpointInfo,
  readCheckpointInfo,
} from "../checkpoint/checkpoint.ts";
import { isModule } from "../data/own_data.ts";
import { resolveConfig } from "./config.ts";
import { chosenRecipe } from "./chosen_recipe.ts";
import { recipesOf } from "./views.ts";
import {
  pixelsOf,
  type ResolvedConfig,
  type TrainConfig,
} from "../checkpoint/run_config.ts";
import {
  COMPUTATION,
  IDENTITY,
  isSameSetting,
  mayDiffer,
  operational,
  settingOf,
} from "../checkpoint/settings.ts";
import { type PatchSizes, patchSizesText } from "../stream/patch_sizes.ts";
import { imageIndexPath } from "./image_index.ts";

/** An intact checkpoint with its optimiser state. */
export interface ResumePoint extends CheckpointInfo {
  /** The optimiser's file. */
  optimizer: string;
}

/**
 * The newest intact checkpoint of a run.
 *
 * @throws {EmpSslError} `NOT_FOUND` if there is none; `INVALID_ARGUMENT` if the path is
 * a file of weights.
 */
export function resumePoint(dir: string): ResumePoint {
  const info = readCheckpointInfo(dir);
  const { optimizer } = info;
  if (optimizer === undefined) {
    throw new EmpSslError({
      action: "resume",
      subject: dir,
      found: "it is a file of weights, without the optimiser's state",
      remedy: "name a run's folder, or start from the weights with --init",
      code: "INVALID_ARGUMENT",
    });
  }
  return { ...info, optimizer };
}

/**
 * When a folder's run was configured, in milliseconds; undefined where there is no run
 * that was started with the same choices.
 */
function timeOfRunLike(
  dir: string,
  wanted: ResolvedConfig,
): number | undefined {
  const path = `${dir}/config.json`;
  try {
    const stored: ResolvedConfig = JSON.parse(Deno.readTextFileSync(path));
    const isLike = IDENTITY.every((key) =>
      isSameSetting(key, stored, wanted)
    ) &&
      // `auto` matches any value of the stored run.
      COMPUTATION.every((key) =>
        wanted[key] === "auto" || wanted[key] === stored[key]
      );
    return isLike ? Number(Deno.statSync(path).mtime) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The newest of some runs that was started with the same choices and has a checkpoint.
 *
 * @param folders Folders that may contain a run.
 */
export function newestRunLike(
  folders: string[],
  wanted: ResolvedConfig,
): string | undefined {
  const runs = folders.flatMap((dir) => {
    const time = timeOfRunLike(dir, wanted);
    return time === undefined ? [] : [{ dir, time }];
  });
  runs.sort((a, b) => b.time - a.time);
  return runs.find(({ dir }) => hasCheckpoint(dir))?.dir;
}

/**
 * Whether a folder holds a run that was started with the same choices and ended before
 * its first checkpoint.
 */
export function isUnsavedRunLike(
  dir: string,
  wanted: ResolvedConfig,
): boolean {
  return timeOfRunLike(dir, wanted) !== undefined && !hasCheckpoint(dir);
}

/** Whether a run has a checkpoint that it can be resumed from. */
export function hasCheckpoint(dir: string): boolean {
  try {
    resumePoint(dir);
    return true;
  } catch {
    return false;
  }
}

/** A choice as a run stores it: with complete recipes and absolute paths. */
function asKept(
  key: string,
  value: unknown,
  stored: ResolvedConfig,
): unknown {
  if (key === "classes" || key === "cache") return resolve(`${value}`);
  const { channels } = pixelsOf(stored);
  if (key === "recipe" && stored.views !== undefined) {
    const recipe = value as TrainConfig["recipe"];
    const { views } = recipesOf({ ...stored, recipe }, stored.arch, channels);
    return isDeepStrictEqual(views, stored.views) ? stored.recipe : value;
  }
  if (key === "recipe") {
    return chosenRecipe(value as TrainConfig["recipe"], stored.arch, channels);
  }
  return value;
}

/** Whether the given parts of a recipe or a model are those of the run. */
function isPartOf(given: unknown, kept: unknown): boolean {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return isDeepStrictEqual(given, kept);
  }
  const whole = kept as Record<string, unknown> | undefined;
  return Object.entries(given).every(([name, part]) =>
    isPartOf(part, whole?.[name] ?? USUAL_MODEL[name])
  );
}

/** What a model's configuration leaves out. */
const USUAL_MODEL: Record<string, unknown> = { channels: 3 };

/**
 * Rejects choices that differ from those of the run that is resumed.
 *
 * @param dir The run's folder, for the message.
 * @param stored The run's configuration.
 * @param given The user's choices now.
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with both values.
 */
export function checkUnchanged(
  dir: string,
  stored: ResolvedConfig,
  given: Partial<TrainConfig>,
): void {
  const show = (it: unknown) =>
    typeof it === "object" ? JSON.stringify(it) : it;
  checkSizes(dir, stored, given);
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === "auto") continue;
    if (key === "patchSize" || key === "progressive") continue;
    // The options of a module may change with it: the digest of its data is compared.
    const isFree = key !== "dataOptions" || isModule(stored.data);
    if (isFree && mayDiffer(key)) continue;
    // The module may have moved: the digest shows whether its images are the same.
    if (key === "data" && isModule(`${value}`) && isModule(stored.data)) {
      continue;
    }
    const kept = settingOf(stored, key as keyof ResolvedConfig);
    if (isDeepStrictEqual(kept, asKept(key, value, stored))) continue;
    // Of these, the parts that are given have to be those of the run.
    const hasParts = key === "recipe" || key === "model";
    if (hasParts && isPartOf(value, kept)) continue;
    const found = kept === undefined ? `no ${key}` : show(kept);
    throw changedError(`${dir} with ${key} ${show(value)}`, found);
  }
}

function changedError(subject: string, startedWith: unknown): EmpSslError {
  return new EmpSslError({
    action: "resume",
    subject,
    found: `it was started with ${startedWith}`,
    remedy: "leave this setting out, or start a new run",
    code: "INVALID_ARGUMENT",
  });
}

/** Compares the patch sizes as one choice: `patchSize` alone means a single size. */
function checkSizes(
  dir: string,
  stored: ResolvedConfig,
  given: PatchSizes,
): void {
  if (given.patchSize === undefined && given.progressive === undefined) return;
  const { patchSize = stored.patchSize, progressive } = given;
  const asked = patchSizesText({ patchSize, progressive });
  const kept = patchSizesText(stored);
  if (asked !== kept) {
    throw changedError(`${dir} with patchSize ${asked}`, kept);
  }
}

/**
 * The configuration of a resumed run: the stored one, with the choices that may differ.
 *
 * @throws {EmpSslError} `INVALID_DATA` if the data has changed.
 */
export async function resumedConfig(
  from: ResumePoint,
  config: Partial<TrainConfig>,
): Promise<ResolvedConfig> {
  const resolved = await resolveConfig({
    ...from.config,
    ...from.config.views ? { recipe: from.config.viewRecipe } : {},
    // The processes are given anew at each start.
    cluster: undefined,
    task: undefined,
    ...operational(config),
    ...(isModule(from.config.data) && isModule(config.data ?? "")
      ? { data: config.data }
      : {}),
  });
  const { images, dataDigest, stepsPerEpoch, steps } = from.config;
  if (resolved.dataDigest !== dataDigest) {
    throw new EmpSslError({
      action: "resume",
      subject: from.path,
      found:
        `the images or labels of ${resolved.data} have changed since the run began`,
      remedy: "put the data back, or start from the weights with --init",
      code: "INVALID_DATA",
    });
  }
  if (resolved.images === images) return resolved;
  // The run has an index of its images: images that were added since are ignored.
  if (
    resolved.images > images && await exists(imageIndexPath(dirname(from.path)))
  ) {
    return { ...resolved, images, stepsPerEpoch, steps };
  }
  throw new EmpSslError({
    action: "resume",
    subject: from.path,
    found: `the data has ${resolved.images} images, but had ${images} before`,
    remedy: "put the data back, or start from the weights with --init",
    code: "INVALID_DATA",
  });
}
