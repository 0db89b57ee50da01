/**
 * The recipes by which a run's images are cut: one for all patches, or one for each view
 * of a method with views.
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
  /** Of patches: in evaluation, and in training without views. */
  recipe: RecipeChoice;
  /** Of each view. */
  views?: Recipe[];
  /** The user's choice for the views. */
  viewRecipe?: TrainConfig["recipe"];
}

/**
 * The recipes of a run. For a method with views, the user's recipe changes all views, and
 * evaluation uses EMP-SSL's patches, normalised like the views.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, naming the invalid part.
 */
export function runRecipes(
  { method: name, recipe, data }: Pick<
    TrainConfig,
    "method" | "recipe" | "data"
  >,
  arch: string,
  channels: number,
): RunRecipes {
  const method = methodNamed(name);
  if (method.views === undefined) {
    // `validateConfig` rejects a list.
    const own = Array.isArray(recipe) ? recipe[0] : recipe;
    return { recipe: chosenRecipe(own, arch, channels) };
  }
  const normalize = statisticsOf(data, channels);
  const imagenet = isForPhotographs(arch);
  const views = method.views({ imagenet, normalize }).map((view, i) => {
    const base = forChannels(view, channels);
    const wish = Array.isArray(recipe) ? recipe[i] : recipe;
    if (wish === undefined) return base;
    const { base: named, ...parts } = typeof wish === "string"
      ? { base: wish }
      : wish;
    // A named recipe has no statistics of its own: the data's remain.
    const own = completeRecipe(
      parts,
      named ? { ...base, ...forChannels(recipeOf(named), channels) } : base,
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
