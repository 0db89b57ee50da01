/**
 * The choices that the flags of `deno task train` make, each from its text.
 *
 * @module
 */
import type { TrainConfig } from "../../src/checkpoint/run_config.ts";
import { membershipOf } from "../../src/cluster/membership.ts";
import type {
  EngineChoice,
  PrecisionChoice,
  XlaChoice,
} from "../../src/engine/engine.ts";
import { messageOf } from "../../src/common/errors.ts";
import { flagError } from "../../src/common/flag_error.ts";
import type { ArchitectureName } from "../../src/model/architectures.ts";
import type { LarsClip } from "../../src/model/lars.ts";
import type { OptimizerName } from "../../src/model/optimizer.ts";
import type { MethodName } from "../../src/model/methods/methods.ts";
import type { Schedule } from "../../src/model/schedule.ts";
import { type RecipeName, RECIPES } from "../../src/patches/recipe.ts";
import {
  completeRecipe,
  type OwnRecipe,
  type PartialRecipe,
} from "../../src/patches/recipe_schema.ts";
import {
  parsePatchSizes,
  type PatchSizes,
} from "../../src/stream/patch_sizes.ts";
import type { Values } from "./flags.ts";

/** A number, or `auto`. */
function autoOrNumber(
  name: string,
  values: Values,
): number | "auto" | undefined {
  const text = values[name];
  if (text === undefined || text === "auto") return text;
  const number = Number(text);
  if (Number.isFinite(number)) return number;
  throw flagError(
    `--${name} ${text}`,
    "it is not a number",
    "give auto or a number",
  );
}

/** The JSON object that a flag gives. */
export function objectOf(
  name: string,
  values: Values,
): Record<string, unknown> | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  let found: unknown;
  try {
    found = JSON.parse(String(text));
  } catch {
    // Reported below.
  }
  if (typeof found === "object" && found !== null && !Array.isArray(found)) {
    return found as Record<string, unknown>;
  }
  throw flagError(
    `--${name} ${text}`,
    "it is not a JSON object",
    `write it as '{"name": "value"}'`,
  );
}

/** A recipe by name, or one or a list of them from a JSON file. */
function recipeFrom(text: string | undefined): TrainConfig["recipe"] {
  if (text === undefined || Object.hasOwn(RECIPES, text)) {
    return text as RecipeName | undefined;
  }
  let found: unknown;
  try {
    found = JSON.parse(Deno.readTextFileSync(text));
  } catch (error) {
    throw flagError(
      `--recipe ${text}`,
      messageOf(error),
      `name ${Object.keys(RECIPES).join(" or ")}, or a JSON file`,
    );
  }
  for (const one of Array.isArray(found) ? found : [found]) {
    if (!Object.hasOwn(RECIPES, one)) completeRecipe(one, "cifar");
  }
  return found as TrainConfig["recipe"];
}

/** The recipe, with the changes that flags make to it. */
export function recipeOfFlags(
  values: Values,
  stored?: TrainConfig["recipe"],
): TrainConfig["recipe"] {
  const recipe = recipeFrom(values.recipe as string | undefined) ?? stored;
  const scale = values["crop-scale"] as string | undefined;
  const changes: PartialRecipe = {};
  if (scale !== undefined) {
    const [low, high, ...more] = scale.split(",").map(Number);
    const inRange = low! > 0 && low! <= high! && high! <= 1;
    if (!inRange || more.length > 0) {
      throw flagError(
        `--crop-scale ${scale}`,
        "it is not two numbers over 0 and up to 1, the lower one first",
        "give for example 0.08,1",
      );
    }
    changes.crop = { scale: [low!, high!] };
  }
  if (values["no-color"]) {
    changes.jitter = { probability: 0 };
    changes.grayscale = 0;
  }
  if (Object.keys(changes).length === 0) return recipe;
  const changed = (one: OwnRecipe | undefined): PartialRecipe => {
    const own = typeof one === "string" ? { base: one } : one;
    return {
      ...own,
      ...changes,
      ...(changes.crop && { crop: { ...own?.crop, ...changes.crop } }),
      ...(changes.jitter && { jitter: { ...own?.jitter, ...changes.jitter } }),
    };
  };
  return Array.isArray(recipe) ? recipe.map(changed) : changed(recipe);
}

/** Changes to the architecture, including the number of image channels. */
export function modelOfFlags(
  values: Values,
  stored?: TrainConfig["model"],
): TrainConfig["model"] {
  const model = objectOf("model", values) as TrainConfig["model"] ?? stored;
  const channels = values.channels as number | undefined;
  return channels === undefined ? model : { ...model, channels };
}

/** The choices that the flags make. */
export function fromFlags(values: Values): Partial<TrainConfig> {
  const number = (name: string) => values[name] as number | undefined;
  const text = (name: string) => values[name] as string | undefined;
  return {
    data: text("data"),
    dataOptions: objectOf("data-options", values),
    dataDir: text("data-dir"),
    dataUrl: text("data-url"),
    download: values["no-download"] === true ? false : undefined,
    classes: text("classes"),
    cache: text("cache"),
    cacheLimit: number("cache-limit"),
    ...patchSizesOf(text("patch-size")),
    method: text("method") as MethodName | undefined,
    methodOptions: objectOf("method-options", values) as
      | Record<string, number>
      | undefined,
    recipe: recipeOfFlags(values),
    epoch: number("epoch"),
    maxSteps: number("max-steps"),
    bs: number("bs"),
    numPatches: number("num-patches"),
    patchSim: number("patch-sim"),
    tcr: number("tcr"),
    eps: number("eps"),
    arch: text("arch") as ArchitectureName | undefined,
    model: modelOfFlags(values),
    bits: number("bits") as TrainConfig["bits"],
    lr: number("lr"),
    schedule: text("schedule") as Schedule | undefined,
    warmUp: text("warm-up"),
    larsClip: text("lars-clip") as LarsClip | undefined,
    weightDecay: number("weight-decay"),
    momentum: number("momentum"),
    eta: number("eta"),
    optimizer: text("optimizer") as OptimizerName | undefined,
    seed: number("seed"),
    workers: number("workers"),
    limitImages: number("limit-images"),
    strict: values.strict as boolean | undefined,
    engine: text("engine") as EngineChoice | undefined,
    precision: text("precision") as PrecisionChoice | undefined,
    microBatch: autoOrNumber("micro-batch", values),
    init: text("init"),
    saveEvery: text("save-every"),
    keep: number("keep"),
    threads: number("threads"),
    xla: text("xla") as XlaChoice | undefined,
    tensorboard: values.tensorboard as boolean | undefined,
    replicas: autoOrNumber("replicas", values),
    syncBn: values["sync-bn"] as boolean | undefined,
    ...processesOf(values),
    peerTimeout: number("peer-timeout"),
    dir: text("dir"),
    msg: text("msg"),
  };
}

/** The patch sizes of `--patch-size`. */
function patchSizesOf(text: string | undefined): PatchSizes {
  return text === undefined ? {} : parsePatchSizes(text);
}

/** The processes that train together: from the flags, TF_CONFIG or Slurm. */
function processesOf(
  { cluster, task }: Values,
): Pick<TrainConfig, "cluster" | "task"> {
  if (cluster === "none") {
    if (task === undefined) return {};
    throw flagError(
      `--task ${task}`,
      "--cluster is none: it would train alone",
      "leave one of them out",
    );
  }
  if (cluster === undefined && task === undefined) {
    const found = membershipOf((name) => Deno.env.get(name));
    return found ? { cluster: found.addresses, task: found.task } : {};
  }
  return {
    cluster: cluster === undefined
      ? undefined
      : String(cluster).split(",").map((a) => a.trim()),
    task: task as number | undefined,
  };
}
