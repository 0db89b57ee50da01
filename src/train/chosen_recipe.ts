/**
 * The recipe that a run's choices mean.
 *
 * @module
 */
import type { TrainConfig } from "../checkpoint/run_config.ts";
import {
  checkChannels,
  forChannels,
  type RecipeChoice,
  recipeOf,
} from "../patches/recipe.ts";
import { completeRecipe } from "../patches/recipe_schema.ts";
import { defaultRecipe } from "./choices.ts";

/**
 * The recipe of a run: of its own, or the one that goes with its architecture. A
 * recipe that is named, or that is not given, has no steps of colour where there
 * are not three channels; one of the user's own must have none.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with the part that is wrong.
 */
export function chosenRecipe(
  recipe: TrainConfig["recipe"],
  arch: string,
  channels: number,
): RecipeChoice {
  const usual = defaultRecipe(arch);
  if (typeof recipe !== "object") {
    const named = recipe ?? usual;
    return channels === 3 ? named : forChannels(recipeOf(named), channels);
  }
  const { base = usual, ...parts } = recipe;
  const whole = completeRecipe(parts, forChannels(recipeOf(base), channels));
  checkChannels(whole, channels);
  return whole;
}
