/**
 * `deno task record`: adds a run and its evaluation to the book of results.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import {
  pixelsOf,
  type ResolvedConfig,
  type TrainConfig,
} from "../src/checkpoint/run_config.ts";
import { settingOf } from "../src/checkpoint/settings.ts";
import { isModule } from "../src/data/own_data.ts";
import { defined } from "../src/common/defined.ts";
import { errorMaker } from "../src/common/errors.ts";
import { architecture } from "../src/model/architectures.ts";
import { methodNamed } from "../src/model/methods/methods.ts";
import { readRow, rowNames } from "../src/report/book.ts";
import { readRun } from "../src/report/run_record.ts";
import { recordRun } from "../src/report/write_book.ts";
import {
  methodRate,
  methodWarmUp,
  withoutDefaultHead,
} from "../src/train/method_defaults.ts";
import { dataDefaults } from "../src/train/data_defaults.ts";
import { differenceOf } from "../src/train/unchanged.ts";
import { runRecipes } from "../src/train/views.ts";
import { evaluatedWith } from "./cli/evaluated_with.ts";
import {
  type Command,
  parseFlags,
  requiredFlag,
  type Values,
} from "./cli/flags.ts";
import { main } from "./cli/main.ts";
import { configOf as trainConfigOf } from "./cli/train_choices.ts";
import { command as trainCommand } from "./cli/train_flags.ts";

const recordError = errorMaker("record", "INVALID_ARGUMENT");
const NEEDED = { action: "record", subject: "the run" };

/** The command line of `deno task record`. */
export const command: Command = {
  usage: "deno task record RUN --row NAME [flags]",
  about: "Adds a run and its evaluation to results/, a row by its name; " +
    "then\n`deno task docs` writes docs/results.md.",
  flags: {
    row: { type: "text", value: "NAME", help: "name of a new or existing row" },
    title: {
      type: "text",
      value: "TEXT",
      help: "new row: its setting, in words",
    },
    files: {
      type: "text",
      value: "TEXT",
      help: "new row: what --data-dir must hold (default: no files needed)",
    },
    train: {
      type: "text",
      value: "FLAGS",
      help: "new row: flags of train, without --seed, --dir, --data-dir",
    },
    evaluate: {
      type: "text",
      value: "FLAGS",
      help: "new row: flags of evaluate, without --model-path",
    },
    commit: {
      type: "text",
      value: "ID",
      help: "commit of the program that trained it",
    },
    "processor-seconds": {
      type: "number",
      help: "CPU seconds of training, if the run did not record them",
    },
    note: { type: "text", value: "TEXT", help: "a note on the run" },
  },
  arguments: true,
  examples: [
    'deno task record runs/a --row shapes-2 --commit 1a2b3c4 --title "shapes, two ' +
    'epochs" --train "--data shapes --epoch 2" --evaluate "--test-patches 16"',
    "deno task record runs/b --row shapes-2 --commit 1a2b3c4",
  ],
};

/** Choices that change what is trained. */
const TRAINED = [
  ...["data", "arch", "bs", "numPatches", "patchSize", "epoch"] as const,
  ...["optimizer", "larsClip", "eps", "patchSim", "tcr", "lr"] as const,
  ...["method", "schedule", "warmUp"] as const,
  ...["weightDecay", "momentum", "eta"] as const,
  ...["limitImages", "maxSteps", "init", "replicas"] as const,
];

/** Of these, the choices that change something only where they are given. */
const NOT_GIVEN: readonly string[] = [
  ...["limitImages", "maxSteps", "init", "replicas"],
  ...["weightDecay", "momentum", "eta"],
];

/** An object with some entries; undefined for one without. */
function ofSome<T extends object>(value: T | undefined): T | undefined {
  return value && Object.keys(value).length > 0 ? value : undefined;
}

/**
 * The first choice that flags of `train` make otherwise than a run has it, with both
 * values; undefined if they would train the same.
 */
export function trainedOtherwise(
  flags: string[],
  stored: ResolvedConfig,
): string | undefined {
  const choices = trainConfigOf(parseFlags(flags, trainCommand));
  const ofData = dataDefaults(choices.data);
  const all = { ...usualOf(stored, choices), ...ofData, ...defined(choices) };
  for (const name of TRAINED) {
    const asked = settingOf(all, name), kept = settingOf(stored, name);
    if (asked === kept) continue;
    // What is not asked for follows from the data.
    if (asked === undefined && !NOT_GIVEN.includes(name)) continue;
    if (name === "data" && isModule(`${asked}`)) continue;
    return `${name} is ${asked}, the run has ${kept}`;
  }
  const { recipe, model, methodOptions, patchSize, progressive } = choices;
  const { bits, precision, syncBn, dataOptions } = choices;
  const other = differenceOf(stored, {
    ...{ recipe, model, methodOptions, patchSize, progressive },
    ...{ bits, precision, syncBn, dataOptions },
  }, (_, value) => value === "auto");
  if (other !== undefined) return `${other.asked}, the run has ${other.kept}`;
  for (const [name, kept] of Object.entries(ownChoices(stored))) {
    // Of one size, it is compared above.
    const by = name === "progressive" ? "patchSize" : name;
    if (kept === undefined || choices[by as keyof TrainConfig] !== undefined) {
      continue;
    }
    return `${name} is left out, the run has ${JSON.stringify(kept)}`;
  }
  return undefined;
}

/** What a run like this one has of choices that are left out. */
function usualOf(
  stored: ResolvedConfig,
  { data, method }: TrainConfig,
): Partial<TrainConfig> {
  const { arch } = stored;
  // Without a default of the data, the size of its images chooses between two.
  const bySize = ["resnet18-cifar", "resnet18-imagenet"];
  const isUsual = bySize.includes(arch) || dataDefaults(data).arch === arch;
  return {
    arch: isUsual ? arch : "resnet18-cifar",
    patchSize: architecture(arch).patchSize,
    ...(methodNamed(method) === methodNamed("emp-ssl") ? {} : {
      lr: methodRate(stored, arch),
      warmUp: methodWarmUp(stored, stored),
    }),
  };
}

/** What a run has that is not the default of its data, method and architecture. */
function ownChoices(stored: ResolvedConfig): Partial<TrainConfig> {
  const { model = {}, methodOptions } = withoutDefaultHead(stored);
  // Channels may be the data's own.
  const { channels: _, ...ownModel } = model;
  const { arch, views, viewRecipe, recipe, progressive } = stored;
  const { channels } = pixelsOf(stored);
  const usual = runRecipes({ ...stored, recipe: undefined }, arch, channels);
  const isUsual = isDeepStrictEqual(recipe, usual.recipe);
  return {
    recipe: views ? viewRecipe : isUsual ? undefined : recipe,
    model: ofSome(ownModel),
    methodOptions: ofSome(methodOptions),
    progressive,
  };
}

function record(values: Values, runs: string[]): Promise<void> {
  const [dir] = runs;
  if (dir === undefined || runs.length > 1) {
    throw recordError(
      `${runs.length} runs`,
      "one is recorded at a time",
      "name one",
    );
  }
  const text = (name: string) => values[name] as string | undefined;
  const words = (name: string) =>
    requiredFlag(values, name, NEEDED).split(/\s+/);
  const row = requiredFlag(values, "row", NEEDED);
  const setting = values.title === undefined ? undefined : {
    title: String(values.title),
    files: text("files"),
    train: words("train"),
    evaluate: words("evaluate"),
  };
  if (setting !== undefined && rowNames().includes(row)) {
    throw recordError(
      dir,
      `the row ${row} has its title and flags already`,
      "leave --title, --train and --evaluate out, or name another row",
    );
  }
  const { config } = readRun(dir);
  const flags = setting ??
    (rowNames().includes(row) ? readRow(row) : undefined);
  const otherwise = flags && trainedOtherwise(flags.train, config);
  if (otherwise !== undefined) {
    throw recordError(
      dir,
      `it was not trained with ${flags!.train.join(" ")}: ${otherwise}`,
      "give the flags that it was trained with",
    );
  }
  recordRun(dir, {
    row,
    setting,
    fits: flags && evaluatedWith(flags.evaluate, dir, config),
    commit: requiredFlag(values, "commit", NEEDED),
    processorSeconds: values["processor-seconds"] as number | undefined,
    note: text("note"),
  });
  console.log(
    `Added to results/${row}; \`deno task docs\` writes docs/results.md`,
  );
  return Promise.resolve();
}

if (import.meta.main) await main(command, record);
