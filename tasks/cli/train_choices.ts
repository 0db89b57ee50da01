/**
 * The configuration of a command line of `deno task train`: its flags, its preset, and
 * the stored choices of `--config`.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type { TrainConfig } from "../../src/checkpoint/run_config.ts";
import { sameFiles } from "../../src/data/archives.ts";
import { DATASETS, isGenerated } from "../../src/data/catalog.ts";
import { isModule, moduleUrl } from "../../src/data/own_data.ts";
import { checkStoredModule } from "../../src/data/stored_module.ts";
import { methodNamed } from "../../src/model/methods/methods.ts";
import { feasibleWorkers } from "../../src/stream/worker_count.ts";
import {
  overridden,
  presetChoices,
  withDefaults,
} from "../../src/train/choices.ts";
import { withoutDefaultHead } from "../../src/train/method_defaults.ts";
import { readChoices } from "../../src/train/config_schema.ts";
import type { PresetName } from "../../src/train/data_defaults.ts";
import type { Values } from "./flags.ts";
import { fromFlags, modelOfFlags, recipeOfFlags } from "./train_values.ts";

/** Choices whose stored values do not suit another method. */
const OF_METHOD = [
  ...["numPatches", "bs", "lr", "warmUp", "microBatch"] as const,
  ...["methodOptions", "patchSim", "tcr", "larsClip", "optimizer"] as const,
  ...["weightDecay", "momentum", "eta"] as const,
];

/** Choices that change the memory of a step. */
const OF_STEP = [
  ...["bs", "numPatches", "patchSize", "progressive", "arch"] as const,
  ...["model", "method", "precision", "replicas"] as const,
];

/** The configuration of a command line. */
export function configOf(values: Values): TrainConfig {
  const preset = values.preset as PresetName | undefined;
  const flags = fromFlags(values);
  if (values.config === undefined) return withDefaults({ ...flags, preset });
  const stored = readChoices(String(values.config));
  const data = flags.data ?? stored.data!;
  if (flags.data === undefined) checkStoredModule(data, String(values.config));
  if (data !== stored.data) forgetData(stored, data);
  forgetUnused(stored, { ...flags, data });
  const asked = flags.method ?? stored.method;
  const config = withDefaults({ ...flags, data, method: asked, preset });
  const { cluster, task, dir } = config;
  const { method = stored.method, arch = stored.arch } = config;
  if (
    methodNamed(method) !== methodNamed(stored.method) || arch !== stored.arch
  ) {
    // The head of another method or architecture.
    Object.assign(stored, withoutDefaultHead(stored));
  }
  if (methodNamed(method) !== methodNamed(stored.method)) {
    // The stored values of these choices belong to the other method.
    for (const name of OF_METHOD) delete stored[name];
  }
  if (preset !== undefined) {
    // A preset replaces what it names, also by leaving it to the architecture.
    for (const name of Object.keys(presetChoices(preset, data))) {
      delete stored[name as keyof TrainConfig];
    }
    delete stored.progressive;
  }
  const given = givenOf(values, config);
  // A run stores what was chosen for the size of its step.
  const changes = (name: keyof TrainConfig) =>
    given[name] !== undefined && !isDeepStrictEqual(given[name], stored[name]);
  if (OF_STEP.some(changes)) delete stored.microBatch;
  return withDefaults({
    ...overridden(stored, given),
    // Flags that change a part of the recipe or the model keep the rest as stored.
    recipe: recipeOfFlags(values, stored.recipe),
    model: modelOfFlags(values, stored.model),
    // Cluster and folder are not taken from the stored configuration.
    cluster,
    task,
    dir,
  });
}

/** Removes what a stored configuration has for its data alone. */
function forgetData(stored: Partial<TrainConfig>, data: string): void {
  if (sameFiles(data, stored.data!)) return;
  if (isModule(data) && moduleUrl(data) === stored.data) return;
  delete stored.dataDir;
  delete stored.dataUrl;
  delete stored.classes;
  if (!isModule(data) || !isModule(stored.data!)) delete stored.dataOptions;
  // Channels and bits are mostly those of the data.
  const { channels: _, ...model } = stored.model ?? {};
  stored.model = Object.keys(model).length > 0 ? model : undefined;
  delete stored.bits;
}

/** Removes what has no effect, or cannot be had on this machine. */
function forgetUnused(
  stored: Partial<TrainConfig>,
  flags: Partial<TrainConfig>,
): void {
  if (isGenerated(flags.data!) || isModule(flags.data!)) delete stored.dataDir;
  const entry = DATASETS[flags.data!];
  // A cache holds decoded files, which other data have none of.
  if (!entry?.files) delete stored.cache;
  if (!entry?.classFile) delete stored.classes;
  if ((flags.cache ?? stored.cache) === undefined) delete stored.cacheLimit;
  stored.workers = feasibleWorkers(stored.workers);
}

/** The choices that flags and the preset make, by their names in the configuration. */
export function givenOf(
  values: Values,
  config: TrainConfig,
): Record<string, unknown> {
  const camel = (flag: string) =>
    flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const choices = config as unknown as Record<string, unknown>;
  const given = Object.keys(values).map(camel)
    .filter((key) => key in choices && key !== "dir");
  if (values["patch-size"] !== undefined) given.push("progressive");
  if (values["no-download"]) given.push("download");
  const { "crop-scale": scale, "no-color": noColor } = values;
  if (scale !== undefined || noColor) given.push("recipe");
  if (values.channels !== undefined) given.push("model");
  const { preset } = values;
  if (preset !== undefined) {
    given.push(...Object.keys(presetChoices(`${preset}`, config.data)));
  }
  return Object.fromEntries(given.map((key) => [key, choices[key]]));
}
