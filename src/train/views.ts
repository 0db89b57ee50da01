/**
 * The recipes that a run's images are cut by: one for all patches, or one for each
 * view of a method that has views.
 *
 * @module
 */
import type { TrainConfig } from "../checkpoint/run_config.ts";
import { statisticsOf } from "../data/statistics.ts";
import { isForPhotographs } from "../model/architectures.ts";
import { methodNamed } from "../model/methods/methods.ts";
import {
  checkChannels,
  forChannels,
  type Recipe,
  type RecipeChoice,
  recipeOf,
} from "../patches/recipe.ts";
import { completeRecipe } from "../patches/recipe_schema.ts";
import { chosenRecipe } from "./chosen_recipe.ts";

/** The recipes of a run. */
export interface RunRecipes {
  /** Of patches: in training where there are no views, and in evaluation. */
  recipe: RecipeChoice;
  /** Of each view. */
  views?: Recipe[];
  /** What the user has chosen for the views. */
  viewRecipe?: TrainConfig["recipe"];
}

/**
 * The recipes of a run. With views a recipe of the user's own changes all of them,
 * and the patches of an evaluation are EMP-SSL's, normalised as the views are.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with the part that is wrong.
 */
export function recipesOf(
  { method: name, recipe, data }: Pick<
    TrainConfig,
    "method" | "recipe" | "data"
  >,
  arch: string,
  channels: number,
): RunRecipes {
  const method = methodNamed(name);
  if (method.views === undefined) {
    return { recipe: chosenRecipe(recipe, arch, channels) };
  }
  const normalize = statisticsOf(data, channels);
  const imagenet = isForPhotographs(arch);
  const views = method.views({ imagenet, normalize }).map((view) => {
    const base = forChannels(view, channels);
    if (recipe === undefined) return base;
    const own = completeRecipe(
      typeof recipe === "string"
        ? forChannels(recipeOf(recipe), channels)
        : recipe,
      base,
    );
    checkChannels(own, channels);
    return own;
  });
  const patches = recipeOf(chosenRecipe(undefined, arch, channels));
  return {
    recipe: { ...patches, normalize: views[0]!.normalize },
    views,
    ...recipe === undefined ? {} : { viewRecipe: recipe },
  };
}
