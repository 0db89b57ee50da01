/**
 * Compares the choices of a call with those of a run: one that is resumed, or one that
 * was prepared before.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { resolve } from "node:path";
import {
  pixelsOf,
  type ResolvedConfig,
  type TrainConfig,
} from "../checkpoint/run_config.ts";
import { mayDiffer, settingOf } from "../checkpoint/settings.ts";
import { isModule, moduleUrl } from "../data/own_data.ts";
import type { OwnRecipe } from "../patches/recipe_schema.ts";
import { errorMaker } from "../common/errors.ts";
import { flagError, flagOf } from "../common/flag_error.ts";
import { type PatchSizes, patchSizesText } from "../stream/patch_sizes.ts";
import { chosenRecipe } from "./chosen_recipe.ts";
import { runRecipes } from "./views.ts";

/** A choice as a run stores it: with complete recipes and absolute paths. */
function asKept(
  key: string,
  value: unknown,
  stored: ResolvedConfig,
): unknown {
  if (["classes", "cache", "dataDir"].includes(key)) return resolve(`${value}`);
  if (key === "data" && isModule(`${value}`)) return moduleUrl(`${value}`);
  const { channels } = pixelsOf(stored);
  if (key === "recipe" && stored.views !== undefined) {
    const recipe = value as TrainConfig["recipe"];
    const { views } = runRecipes({ ...stored, recipe }, stored.arch, channels);
    return isDeepStrictEqual(views, stored.views) ? stored.viewRecipe : value;
  }
  if (key === "recipe") {
    // A list is for a method with views.
    if (Array.isArray(value)) return value;
    return chosenRecipe(value as OwnRecipe, stored.arch, channels);
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

/** A choice and what a run has instead, as text. */
interface Difference {
  asked: string;
  kept: string;
}

const resumeError = errorMaker("resume", "INVALID_ARGUMENT");

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
  const found = differenceOf(stored, given, (key, value) => {
    if (value === "auto") return true;
    // tf32 is for GPUs alone: elsewhere its run goes on in fp32, which rounds less.
    if (
      key === "precision" && value === "fp32" && stored.precision === "tf32"
    ) {
      return true;
    }
    // The options of a module may change with it: the digest of its data is compared.
    if (key === "dataOptions" && !isModule(stored.data)) return false;
    // The module may have moved: the digest shows whether its images are the same.
    const isMoved = key === "data" && isModule(`${value}`) &&
      isModule(stored.data);
    return isMoved || mayDiffer(key);
  });
  if (found === undefined) return;
  throw resumeError(
    `${dir} with ${found.asked}`,
    `it was started with ${found.kept}`,
    "leave this setting out, or start a new run",
  );
}

/**
 * Rejects choices that differ from those a run was prepared with.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with both values.
 */
export function checkPrepared(
  prepared: ResolvedConfig,
  given: Partial<TrainConfig>,
): void {
  const isFree = (key: string) => key === "dir" || key === "msg";
  const found = differenceOf(prepared, given, isFree);
  if (found === undefined) return;
  throw flagError(
    found.asked,
    `the run was prepared with ${found.kept}`,
    "prepare it again, or leave this choice out",
  );
}

/** The first choice that a run has another value of, except those that are free. */
export function differenceOf(
  stored: ResolvedConfig,
  given: Partial<TrainConfig>,
  isFree: (key: string, value: unknown) => boolean,
): Difference | undefined {
  const sizes = otherSizes(stored, given);
  if (sizes) return sizes;
  for (const [key, value] of Object.entries(given)) {
    if (key === "patchSize" || key === "progressive") continue;
    if (value === undefined || isFree(key, value)) continue;
    // The recipe of a run with views is that of its evaluation.
    const kept = key === "recipe" && stored.views !== undefined
      ? stored.viewRecipe
      : settingOf(stored, key as keyof ResolvedConfig);
    if (isDeepStrictEqual(kept, asKept(key, value, stored))) continue;
    // Of these, the parts that are given have to be those of the run.
    const hasParts = ["recipe", "model", "methodOptions"].includes(key);
    if (hasParts && isPartOf(value, kept)) continue;
    return {
      asked: `${flagOf(key)} ${show(value)}`,
      kept: kept === undefined ? `no ${flagOf(key)}` : show(kept),
    };
  }
  return undefined;
}

function show(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : `${value}`;
}

/** The patch sizes, which are one choice: `patchSize` alone is a single size. */
function otherSizes(
  stored: ResolvedConfig,
  given: PatchSizes,
): Difference | undefined {
  if (given.patchSize === undefined && given.progressive === undefined) return;
  const { patchSize = stored.patchSize, progressive } = given;
  const asked = patchSizesText({ patchSize, progressive });
  const kept = patchSizesText(stored);
  return asked === kept ? undefined : { asked: `--patch-size ${asked}`, kept };
}
