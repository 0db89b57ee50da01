/**
 * `deno task compare`: trains and evaluates several methods on the same images, one
 * after another, and writes one report.
 *
 * @module
 */
import type { TrainConfig } from "../src/checkpoint/run_config.ts";
import { checkEvaluation } from "../src/evaluate/check_evaluation.ts";
import {
  METHOD_NAMES,
  type MethodName,
  methodNamed,
} from "../src/model/methods/methods.ts";
import { comparisonOf } from "../src/report/comparison.ts";
import { readRuns } from "../src/report/run_record.ts";
import { viewCount } from "../src/model/methods/method.ts";
import { TRAIN_DEFAULTS } from "../src/train/choices.ts";
import { prepareRun } from "../src/train/config.ts";
import { hasCheckpoint } from "../src/train/resume.ts";
import { dataDefaults } from "../src/train/data_defaults.ts";
import {
  type Budget,
  budgetOf,
  checkRun,
  type Chosen,
  keepPlan,
  makeFolder,
  type Plan,
  readPlan,
  sharedOf,
  stepsOf,
  stepsWithin,
} from "./cli/plan.ts";
import {
  checkMemory,
  evaluateInSeries,
  EVALUATION_FLAGS,
  evaluationOf,
  evaluationsOf,
  isTrained,
  type RunEvaluation,
  trainRun,
} from "./cli/runs.ts";
import type { Command, Values } from "./cli/flags.ts";
import { main, setUpEngine, showPreparation } from "./cli/main.ts";
import { makeSeries } from "./cli/series.ts";
import { configOf } from "./cli/train_choices.ts";
import { command as trainCommand } from "./cli/train_flags.ts";

/** Flags of `train` that all methods share. */
const SHARED = [
  "data",
  "data-options",
  "data-dir",
  "data-url",
  "no-download",
  "classes",
  "cache",
  "limit-images",
  "arch",
  "model",
  "channels",
  "bits",
  "patch-size",
  "seed",
  "workers",
  "threads",
  "engine",
  "precision",
  "warm-up",
  "bs",
] as const;

/** The command line of `deno task compare`. */
export const command: Command = {
  usage: "deno task compare [flags]",
  about: "Trains and evaluates several methods on the same images, one after " +
    "another, each\nby both protocols, and writes one report. Called again, it " +
    "resumes.",
  flags: {
    methods: {
      type: "text",
      value: "A,B",
      help: `some of ${METHOD_NAMES.join(", ")} (default: all)`,
    },
    epoch: {
      type: "number",
      help:
        "the same passes over the data for each (default 1; shapes: 4,000 " +
        "passes through the network on 200 images)",
    },
    passes: {
      type: "number",
      help: "or the same passes through the network: images × views",
    },
    minutes: { type: "number", help: "or the same time of training" },
    ...Object.fromEntries(
      SHARED.map((name) => [name, trainCommand.flags[name]!]),
    ),
    bs: { type: "number", help: "images per batch (default: the method's)" },
    ...EVALUATION_FLAGS,
    dir: {
      type: "text",
      value: "DIR",
      help: "folder of the runs and the report (default compare/DATA)",
    },
  },
  examples: [
    "deno task compare",
    "deno task compare --data cifar10 --methods emp-ssl,simclr,byol --passes 160000",
    "deno task compare --data folder --data-dir photos --minutes 60",
  ],
};

/** A small comparison on the generated data: all methods take minutes. */
const SHAPES = {
  budget: { passes: 4000 },
  limitImages: 200,
} as const;

/** EMP-SSL as published, whatever the defaults of a data set are. */
const PUBLISHED: Values = {
  optimizer: "published",
  "lars-clip": "current",
  "num-patches": TRAIN_DEFAULTS.numPatches,
};

/** The published choices of a method: those of the others are their defaults. */
function publishedOf({ bs }: Values, method: MethodName, data: string): Values {
  if (method !== "emp-ssl" || dataDefaults(data).preset === undefined) {
    return {};
  }
  return { ...PUBLISHED, bs: bs ?? TRAIN_DEFAULTS.bs };
}

function methodsOf(values: Values): MethodName[] {
  const names = String(values.methods ?? METHOD_NAMES.join(",")).split(",");
  for (const name of names) methodNamed(name);
  return [...new Set(names)] as MethodName[];
}

/** The choices of one method, without the length of its run. */
function choicesOf(values: Values, method: MethodName): TrainConfig {
  const shared = Object.fromEntries(
    SHARED.filter((name) => values[name] !== undefined)
      .map((name) => [name, values[name]]),
  );
  // Each run trains in this process alone, even if TF_CONFIG or Slurm name others.
  const data = String(values.data ?? TRAIN_DEFAULTS.data);
  const config = configOf({
    ...shared,
    ...publishedOf(values, method, data),
    method,
    cluster: "none",
  } as Values);
  const shapes = config.data === "shapes" && config.limitImages === undefined;
  return shapes ? { ...config, limitImages: SHAPES.limitImages } : config;
}

/** What all methods are trained and evaluated with. */
interface Comparison {
  evaluation: RunEvaluation;
  dir: string;
  budget: Budget;
  plan: Plan;
  planPath: string;
  /** Title of the progress output. */
  title: string;
  signal: AbortSignal;
}

/**
 * Trains a method, or resumes its run, and evaluates it.
 *
 * @returns Whether the run is finished; false if the signal stopped it.
 */
async function runMethod(
  method: MethodName,
  chosen: Chosen,
  { evaluation, dir, budget, plan, planPath, title, signal }: Comparison,
): Promise<boolean> {
  const run = `${dir}/${method}`, { choices } = chosen;
  const steps = plan.steps[method] ??= await stepsOf(chosen, budget, {
    dir: `${dir}/.timed`,
    signal,
  });
  keepPlan(planPath, plan);
  if (!isTrained(run)) {
    const config = { ...choices, maxSteps: steps };
    if (!await trainRun(title, config, run, signal)) return false;
  }
  for (const kind of evaluationsOf(method)) {
    const { engine } = choices;
    await evaluateInSeries(title, { run, kind, evaluation, engine }, signal);
  }
  return true;
}

/** A length of a run against which its warm-up can be checked before it is timed. */
function lengthOf(
  { epoch, passes }: Budget,
  { bs, numPatches, method }: TrainConfig,
): Partial<TrainConfig> {
  if (epoch !== undefined) return { epoch };
  // Whether it fits into some minutes shows once a step has been timed.
  if (passes === undefined) return { epoch: 1e6 };
  const views = viewCount(methodNamed(method)) ?? numPatches;
  return { maxSteps: stepsWithin(passes, bs * views) };
}

/** See the module's description. */
export async function run(values: Values): Promise<void> {
  const methods = methodsOf(values);
  const { data, engine } = choicesOf(values, methods[0]!);
  const usual = data === "shapes" ? SHAPES.budget : { epoch: 1 };
  const budget = budgetOf(values, usual);
  const dir = String(values.dir ?? `compare/${data.replace(/\W+/g, "-")}`);
  const chosen = new Map<MethodName, Chosen>();
  for (const method of methods) {
    const choices = choicesOf(values, method);
    const onEvent = showPreparation();
    const { config: resolved } = await prepareRun(
      { ...choices, ...lengthOf(budget, choices) },
      { onEvent },
    );
    chosen.set(method, { choices, resolved });
  }
  const evaluation = evaluationOf(values, data);
  await checkEvaluation(chosen.get(methods[0]!)!.resolved, evaluation);
  await makeFolder(dir);
  const planPath = `${dir}/compare.json`;
  const plan = await readPlan(planPath, budget, sharedOf(values));
  for (const [name, { resolved }] of chosen) {
    checkRun(`${dir}/${name}`, resolved);
  }
  await setUpEngine({ engine });
  await checkMemory(
    [...chosen].filter(([name]) => !hasCheckpoint(`${dir}/${name}`))
      .map(([, { resolved }]) => resolved),
  );
  const comparison = { evaluation, dir, budget, plan, planPath };
  const series = { dir, names: [...chosen.keys()], plan, planPath, engine };
  await makeSeries(
    series,
    (name, told) => {
      const method = name as MethodName;
      return runMethod(method, chosen.get(method)!, { ...comparison, ...told });
    },
    (runs) => {
      const { head, rows } = comparisonOf(readRuns(runs));
      console.log([head, ...rows].map((row) => row.join(" | ")).join("\n"));
    },
  );
}

if (import.meta.main) await main(command, run);
