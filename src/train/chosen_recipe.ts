/**
 * The recipe that follows from a run's choices.
 *
 * @module
 */
import {
  checkChannels,
  forChannels,
  type RecipeChoice,
  recipeOf,
} from "../patches/recipe.ts";
import { completeRecipe, type OwnRecipe } from "../patches/recipe_schema.ts";
import { defaultRecipe } from "./choices.ts";

/**
 * The recipe of a run: the user's, or the default of the architecture. Unless the images
 * have three channels, the colour steps are removed from a named or default recipe, and
 * must not be set in a user's own.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, naming the invalid part.
 */
export function chosenRecipe(
  recipe: OwnRecipe | undefined,
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
