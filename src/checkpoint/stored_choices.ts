/**
 * A stored configuration, completed again: when a run is resumed, and in the other
 * processes that train together.
 *
 * @module
 */
import { defined } from "../common/defined.ts";
import { isModule } from "../data/own_data.ts";
import { checkStoredModule } from "../data/stored_module.ts";
import type { ResolvedConfig, TrainConfig } from "./run_config.ts";
import { operational, withLeftOut } from "./settings.ts";

/**
 * A stored configuration as choices, with those of the user's that may differ from it.
 *
 * @param given The user's choices now.
 */
export function asChoices(
  stored: ResolvedConfig,
  given: Partial<TrainConfig>,
): TrainConfig {
  const { data, views, viewRecipe, recipe } = stored;
  const isMoved = isModule(data) && isModule(given.data ?? "");
  if (!isMoved) checkStoredModule(data, "the run");
  return {
    ...withLeftOut(stored),
    // A run with views stores the recipe of the evaluation beside that of the views.
    recipe: views ? viewRecipe : recipe,
    ...operational(given),
    // A module may lie elsewhere: its images are compared afterwards.
    data: isMoved ? given.data! : data,
  };
}

/**
 * The completed configuration with the stored head and recipes: earlier versions completed
 * the same choices to others.
 */
export function withStoredParts(
  { model, methodOptions, recipe, views }: ResolvedConfig,
  completed: ResolvedConfig,
): ResolvedConfig {
  return {
    ...completed,
    ...{ model, methodOptions },
    ...defined({ recipe, views }),
  };
}
