/**
 * Checks a job before any worker starts.
 *
 * @module
 */
import { checkCount, checkSeed } from "../common/count.ts";
import { formatName, isFormat, RGB } from "../data/image.ts";
import { checkChannels, type Recipe, RECIPES } from "../patches/recipe.ts";
import { checkRecipe } from "../patches/recipe_schema.ts";
import { jobError, type PatchJob, recipesOf } from "./patch_job.ts";

/** The recipes of a job, after a check of those that a caller has written. */
function checkedRecipes(recipe: PatchJob["recipe"]): readonly Recipe[] {
  if (typeof recipe === "string") {
    if (Object.hasOwn(RECIPES, recipe)) return recipesOf(recipe);
    throw jobError(
      `the recipe "${recipe}"`,
      "it does not exist",
      `give ${Object.keys(RECIPES).join(" or ")}, or a recipe`,
    );
  }
  const recipes = Array.isArray(recipe) ? recipe : [recipe];
  if (recipes.length > 0) return recipes.map(checkRecipe);
  throw jobError("recipe []", "the list is empty", "give one for each view");
}

/**
 * Rejects numbers of which no batches can be made, and parts that do not fit together.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, naming one.
 */
export function checkJob(job: PatchJob): void {
  const { images, patches, patchSize, firstBatch, endBatch, share, seed } = job;
  for (const [name, value] of Object.entries({ images, patches, patchSize })) {
    // A caller in JavaScript may leave one out.
    checkCount(value ?? NaN, {
      action: "cut patches with",
      subject: `${name} ${value}`,
    });
  }
  const areBatches = Number.isInteger(firstBatch) && firstBatch >= 0 &&
    Number.isInteger(endBatch);
  if (!areBatches) {
    throw jobError(
      `batches ${firstBatch} to ${endBatch}`,
      "these are not whole numbers from 0 up",
      "give the first batch, and the one after the last",
    );
  }
  checkSeed(seed, { action: "cut patches for", subject: `seed ${seed}` });
  if (share !== undefined) {
    const { index, of } = share;
    const isOne = Number.isInteger(of) && of > 0 && Number.isInteger(index) &&
      index >= 0 && index < of;
    if (!isOne) {
      throw jobError(
        `share ${index} of ${of}`,
        "there is no such share",
        "count from 0: the last of 2 is { index: 1, of: 2 }",
      );
    }
  }
  if (share !== undefined && images % share.of !== 0) {
    throw jobError(
      `batches of ${images} images`,
      `${share.of} processes cannot share them equally`,
      `give a multiple of ${share.of}`,
    );
  }
  const { pixels = RGB, cache } = job.source;
  if (cache && !isFormat(pixels, RGB)) {
    throw jobError(
      `${formatName(pixels)} with a cache`,
      "a cache holds 8-bit RGB",
      "leave one of them out",
    );
  }
  if (job.whole) return;
  for (const recipe of checkedRecipes(job.recipe)) {
    checkChannels(recipe, pixels.channels);
  }
}
