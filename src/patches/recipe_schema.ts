/**
 * The schema of a recipe that a user writes.
 *
 * @module
 */
import * as v from "../deps/valibot.ts";
import { errorMaker } from "../common/errors.ts";
import { type Recipe, type RecipeName, recipeOf, RECIPES } from "./recipe.ts";

const recipeError = errorMaker("use the recipe", "INVALID_ARGUMENT");

const between = (low: number, high: number) =>
  v.pipe(
    v.number(`a number from ${low} to ${high}`),
    v.minValue(low, `a number from ${low} to ${high}`),
    v.maxValue(high, `a number from ${low} to ${high}`),
  );

const probability = between(0, 1);

/** Two positive numbers, the lower one first. */
function range(high: number) {
  const wanted = high === Infinity
    ? "two positive numbers, the lower one first"
    : `two numbers over 0 and up to ${high}, the lower one first`;
  const side = v.pipe(
    v.number(wanted),
    v.gtValue(0, wanted),
    v.maxValue(high, wanted),
  );
  return v.pipe(
    v.tuple([side, side], wanted),
    v.check(([from, to]) => from <= to, wanted),
  );
}

/** One number for all channels, or one for each. */
function ofChannels(
  one: (wanted: string) => v.GenericSchema<number>,
  kind: string,
) {
  const wanted = `a list of ${kind}, one or one a channel`;
  return v.pipe(v.array(one(wanted), wanted), v.minLength(1, wanted));
}

/** Pixel values are scaled to 0 to 1 before they are normalised. */
const means = ofChannels(
  (wanted) =>
    v.pipe(v.number(wanted), v.minValue(0, wanted), v.maxValue(1, wanted)),
  "numbers from 0 to 1",
);
const deviations = ofChannels(
  (wanted) => v.pipe(v.number(wanted), v.gtValue(0, wanted)),
  "positive numbers",
);

const SCHEMA = v.strictObject({
  crop: v.strictObject({ scale: range(1), ratio: range(Infinity) }),
  interpolation: v.picklist(["bilinear", "bicubic"], "bilinear or bicubic"),
  flip: probability,
  verticalFlip: v.optional(probability),
  quarterTurn: v.optional(probability),
  jitter: v.strictObject({
    probability,
    brightness: between(0, 1),
    contrast: between(0, 1),
    saturation: between(0, 1),
    hue: between(0, 0.5),
  }),
  grayscale: probability,
  blur: v.strictObject({ probability, sigma: range(Infinity) }),
  solarize: probability,
  normalize: v.optional(v.strictObject({
    mean: means,
    std: deviations,
  })),
}) satisfies v.GenericSchema<unknown, Recipe>;

/** The names of a recipe's parts. */
const PARTS = Object.keys(SCHEMA.entries).join(", ");

/** A recipe with missing parts, which are taken from a named recipe. */
export type PartialRecipe =
  & {
    [Part in keyof Recipe]?: Recipe[Part] extends object | undefined
      ? Partial<Recipe[Part]>
      : Recipe[Part];
  }
  & {
    /** The named recipe; that of the architecture by default. */
    base?: RecipeName;
  };

/** A recipe as a user chooses it: a name, or the parts that differ from one. */
export type OwnRecipe = RecipeName | PartialRecipe;

function checkIsObject(recipe: unknown): void {
  if (
    typeof recipe === "object" && recipe !== null && !Array.isArray(recipe)
  ) return;
  const found = `it is ${JSON.stringify(recipe) ?? typeof recipe}`;
  throw recipeError("of a run", found, `give an object of ${PARTS}`);
}

/** Completes a part of a recipe with the fields that it lacks. */
function completePart(usual: unknown, own: unknown): unknown {
  const isPart = (value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  return isPart(usual) && isPart(own)
    ? { ...usual as object, ...own as object }
    : own;
}

/**
 * Completes and checks the recipe that a user has written.
 *
 * @param parts Any of the recipe's parts, each complete or partial.
 * @param base The recipe that provides the missing parts.
 * @throws {EmpSslError} `INVALID_ARGUMENT`, naming the invalid part.
 *
 * @example The CIFAR recipe without flips
 * ```ts
 * import { completeRecipe } from "./recipe_schema.ts";
 *
 * const { flip, solarize } = completeRecipe({ flip: 0 }, "cifar");
 * console.assert(flip === 0 && solarize === 0.1);
 * ```
 */
export function completeRecipe(
  parts: unknown,
  base: RecipeName | Recipe,
): Recipe {
  checkIsObject(parts);
  const { base: named, ...given } = parts as PartialRecipe;
  if (named !== undefined && !Object.hasOwn(RECIPES, named)) {
    const names = Object.keys(RECIPES).join(" or ");
    throw recipeError(
      "base",
      `it is ${JSON.stringify(named)}`,
      `give ${names}`,
    );
  }
  const usual: Record<string, unknown> = { ...recipeOf(named ?? base) };
  const own = Object.entries(given).map(([name, part]) =>
    [name, completePart(usual[name], part)] as const
  );
  return checkRecipe({ ...usual, ...Object.fromEntries(own) });
}

/**
 * Checks a complete recipe.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, naming the invalid or missing part.
 *
 * @example A probability over one
 * ```ts
 * import { RECIPES } from "./recipe.ts";
 * import { checkRecipe } from "./recipe_schema.ts";
 *
 * let message = "";
 * try {
 *   checkRecipe({ ...RECIPES.cifar, flip: 3 });
 * } catch (error) {
 *   message = (error as Error).message;
 * }
 * console.assert(message.includes("flip: it is 3"));
 * ```
 */
export function checkRecipe(recipe: unknown): Recipe {
  checkIsObject(recipe);
  const parsed = v.safeParse(SCHEMA, recipe);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? "of a run";
  if (issue.type === "strict_object") {
    if (issue.input === undefined) {
      throw recipeError(path, "it is missing", "give the whole part");
    }
    throw issue.expected === "never"
      ? recipeError(path, "there is no such part", `give parts of ${PARTS}`)
      : recipeError(
        path,
        `it is ${JSON.stringify(issue.input)}`,
        "give an object",
      );
  }
  const found = JSON.stringify(issue.input);
  const wanted = /^(a|two|bilinear) /.test(issue.message)
    ? issue.message
    : `${issue.expected}`;
  throw recipeError(path, `it is ${found}`, `give ${wanted}`);
}
