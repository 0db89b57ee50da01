/**
 * `deno task compare`: trains and evaluates several methods on the same images, one
 * after another, and writes one report.
 *
 * @module
 */
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { writeAtomically } from "../src/atomic_file.ts";
import { readCheckpointInfo } from "../src/checkpoint/checkpoint.ts";
import type { TrainConfig } from "../src/checkpoint/run_config.ts";
import { codeOf, errorMaker, messageOf } from "../src/errors.ts";
import { evaluate, type EvaluateConfig } from "../src/evaluate/evaluate.ts";
import {
  keepEvaluation,
  readEvaluations,
} from "../src/evaluate/evaluation_record.ts";
import { exists } from "../src/files.ts";
import type { FeatureLayer, Protocol } from "../src/model/methods/method.ts";
import {
  METHOD_NAMES,
  type MethodName,
  methodNamed,
} from "../src/model/methods/methods.ts";
import { comparisonOf } from "../src/report/comparison.ts";
import { writeReport } from "../src/report/report.ts";
import { readRuns } from "../src/report/run_record.ts";
import { prepareRun } from "../src/train/config.ts";
import { train } from "../src/train/train.ts";
import type { Command, Values } from "./cli/flags.ts";
import { main, setUpEngine, showPreparation } from "./cli/main.ts";
import { formatSeconds, Progress } from "./cli/progress.ts";
import { listen } from "./cli/signals.ts";
import { configOf } from "./cli/train_choices.ts";
import { command as trainCommand } from "./cli/train_flags.ts";

const compareError = errorMaker("compare", "INVALID_ARGUMENT");

/** What of `train` is the same for all methods. */
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
    "another, each\nby both protocols, and writes one report. What was interrupted goes " +
    "on when it is\ncalled again.",
  flags: {
    methods: {
      type: "text",
      value: "A,B",
      help: `some of ${METHOD_NAMES.join(", ")} (default: all)`,
    },
    epoch: {
      type: "number",
      help: "the same passes over the data for each (default 1)",
    },
    passes: {
      type: "number",
      help: "or the same passes through the network: images × views",
    },
    minutes: { type: "number", help: "or the same time of training" },
    ...Object.fromEntries(
      SHARED.map((name) => [name, trainCommand.flags[name]!]),
    ),
    "test-patches": {
      type: "number",
      help: "patches an image in the bag (default 16; shapes 4)",
    },
    "limit-train": {
      type: "number",
      help: "evaluate by only N training images",
    },
    "limit-test": { type: "number", help: "evaluate on only N test images" },
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

/** How long each method trains. */
interface Budget {
  epoch?: number;
  passes?: number;
  minutes?: number;
}

/** The generated data is small, and so is its comparison: minutes for all. */
const SHAPES = {
  budget: { passes: 4000 },
  testPatches: 4,
  limitImages: 200,
} as const;

function methodsOf(values: Values): MethodName[] {
  const names = String(values.methods ?? METHOD_NAMES.join(",")).split(",");
  for (const name of names) methodNamed(name);
  return [...new Set(names)] as MethodName[];
}

function budgetOf({ epoch, passes, minutes, data }: Values): Budget {
  const given = Object.entries({ epoch, passes, minutes })
    .filter(([, value]) => value !== undefined) as [string, number][];
  if (given.length > 1) {
    const names = given.map(([name]) => `--${name}`).join(" and ");
    throw compareError(`by ${names}`, "a run has one length", "give one");
  }
  for (const [name, value] of given) {
    const fits = name === "epoch" ? Number.isInteger(value) : true;
    if (fits && value > 0) continue;
    const remedy = name === "epoch" ? "give 1 or more" : "give a number over 0";
    throw compareError(`for --${name} ${value}`, "it is no length", remedy);
  }
  if (given.length === 1) return Object.fromEntries(given);
  return (data ?? "shapes") === "shapes" ? SHAPES.budget : { epoch: 1 };
}

/** The choices of one method, but for its epochs. */
function choicesOf(values: Values, method: MethodName): TrainConfig {
  const shared = Object.fromEntries(
    SHARED.filter((name) => values[name] !== undefined)
      .map((name) => [name, values[name]]),
  );
  const config = configOf({ ...shared, method } as Values);
  const shapes = config.data === "shapes" && config.limitImages === undefined;
  return shapes ? { ...config, limitImages: SHAPES.limitImages } : config;
}

/** Steps that are timed for a budget of minutes; the first does not count. */
const TIMED = 4;

/** Seconds of a step of a method. */
async function secondsOfStep(
  config: TrainConfig,
  dir: string,
  signal: AbortSignal,
): Promise<number> {
  const controller = new AbortController();
  const seconds: number[] = [];
  const both = AbortSignal.any([signal, controller.signal]);
  await Deno.remove(dir, { recursive: true }).catch(() => {});
  try {
    const timed = { ...config, epoch: 100, dir };
    for await (const event of train(timed, { signal: both })) {
      if (event.type !== "step") continue;
      const { computeSeconds, waitSeconds } = event.metrics;
      seconds.push(computeSeconds + waitSeconds);
      if (seconds.length === TIMED) controller.abort();
    }
  } finally {
    await Deno.remove(dir, { recursive: true }).catch(() => {});
  }
  signal.throwIfAborted();
  const counted = seconds.slice(1).toSorted((a, b) => a - b);
  return counted[counted.length >> 1]!;
}

/** The steps that a budget gives a method. */
async function stepsOf(
  config: TrainConfig,
  budget: Budget,
  dir: string,
  signal: AbortSignal,
): Promise<number> {
  const { config: resolved } = await prepareRun(config, {
    onEvent: showPreparation(),
  });
  const { stepsPerEpoch, bs, numPatches } = resolved;
  if (budget.epoch !== undefined) return budget.epoch * stepsPerEpoch;
  const steps = budget.passes !== undefined
    ? budget.passes / (bs * numPatches)
    : budget.minutes! * 60 / await secondsOfStep(config, dir, signal);
  return Math.max(1, Math.round(steps));
}

/** What the methods were given, so that a later call goes on with the same. */
interface Plan {
  budget: Budget;
  /** What is the same for all: flags of `train`, limits of the evaluation. */
  shared: Record<string, unknown>;
  /** The steps of each. */
  steps: Partial<Record<MethodName, number>>;
  /** Why a method could not be trained. */
  failed: Partial<Record<MethodName, string>>;
}

/** Flags that may differ when a comparison goes on. */
const FREE = ["methods", "dir", "workers", "threads", "engine", "no-download"];

/** What has to be the same when a comparison goes on. */
function sharedOf(values: Values): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) =>
      value !== undefined && !FREE.includes(name) &&
      !["epoch", "passes", "minutes"].includes(name)
    ).map(([name, value]) => [
      name,
      name === "data-dir" ? resolve(String(value)) : value,
    ]),
  );
}

async function readPlan(
  path: string,
  budget: Budget,
  shared: Record<string, unknown>,
): Promise<Plan> {
  if (!await exists(path)) return { budget, shared, steps: {}, failed: {} };
  let plan: Plan;
  try {
    plan = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw compareError(`in ${path}`, messageOf(error), "name another --dir");
  }
  const given = { ...budget, ...shared },
    kept = { ...plan.budget, ...plan.shared };
  if (isDeepStrictEqual(given, kept)) return plan;
  throw compareError(
    `by ${JSON.stringify(given)} in ${path.replace(/\/[^/]*$/, "")}`,
    `its methods were given ${JSON.stringify(kept)}`,
    "give the same, or name another --dir",
  );
}

/** Whether a run has all its steps. */
function isTrained(dir: string): boolean {
  try {
    const { step, config } = readCheckpointInfo(dir);
    return step >= config.steps;
  } catch {
    return false;
  }
}

function hasCheckpoint(dir: string): boolean {
  try {
    return readCheckpointInfo(dir).optimizer !== undefined;
  } catch {
    return false;
  }
}

/**
 * Removes a run that has not come to its first checkpoint.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where the folder holds something else.
 */
async function clear(dir: string): Promise<void> {
  if (!await exists(dir)) return;
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name);
  const begun =
    /^(config\.json|metrics\.jsonl|images\.txt|\.lock|tensorboard)$/;
  const other = names.find((name) => !begun.test(name) && !/\.tmp$/.test(name));
  if (other !== undefined) {
    throw compareError(
      `in ${dir}`,
      `it holds ${other}, and no checkpoint that can be used`,
      "move it away, or name another --dir",
    );
  }
  await Deno.remove(dir, { recursive: true });
}

/** Trains one method, or goes on with it. */
async function trainMethod(
  title: string,
  config: TrainConfig,
  dir: string,
  signal: AbortSignal,
): Promise<boolean> {
  const goesOn = hasCheckpoint(dir);
  if (!goesOn) await clear(dir);
  const events = goesOn
    ? train({}, { resume: dir, signal })
    : train({ ...config, dir }, { signal });
  let progress: Progress | undefined;
  for await (const event of events) {
    if (event.type === "start") {
      progress = new Progress(`${title}, train`, event.config.steps);
    } else if (event.type === "step") {
      const { loss, patchesPerSecond } = event.metrics;
      const rate = `${patchesPerSecond.toFixed(0)} patches/s`;
      progress!.update(
        event.metrics.step + 1,
        `loss ${loss.toFixed(2)} · ${rate}`,
      );
    } else if (event.type === "stopped") {
      progress?.finish();
      return false;
    }
  }
  return true;
}

/** Both protocols on the backbone, and what is the method's own. */
function evaluationsOf(
  method: MethodName,
): { protocol: Protocol; features: FeatureLayer }[] {
  const { protocol, features } = methodNamed(method);
  const both = (["whole", "bag"] as const).map((protocol) => ({
    protocol,
    features: "backbone" as const,
  }));
  const isOwn = both.some((e) =>
    e.protocol === protocol && e.features === features
  );
  return isOwn ? both : [...both, { protocol, features }];
}

/** See the module's description. */
export async function run(values: Values): Promise<void> {
  const methods = methodsOf(values), budget = budgetOf(values);
  const first = choicesOf(values, methods[0]!);
  const dir = String(
    values.dir ?? `compare/${first.data.replace(/\W+/g, "-")}`,
  );
  for (const method of methods) {
    await prepareRun(choicesOf(values, method), { onEvent: showPreparation() });
  }
  await Deno.mkdir(dir, { recursive: true });
  const planPath = `${dir}/compare.json`;
  const plan = await readPlan(planPath, budget, sharedOf(values));
  await setUpEngine({ engine: first.engine });
  const controller = new AbortController(), { signal } = controller;
  const outcome = listen(controller);
  const stopped = (): never => {
    console.log("Stopped. The same command goes on.");
    Deno.exit(outcome.code || 1);
  };
  const begin = performance.now();
  const count = values["test-patches"] as number | undefined;
  const testPatches = count ??
    (first.data === "shapes" ? SHAPES.testPatches : 16);
  for (const [i, method] of methods.entries()) {
    const title = `${i + 1}/${methods.length} ${method}`;
    const run = `${dir}/${method}`, choices = choicesOf(values, method);
    try {
      if (plan.failed[method] !== undefined) continue;
      plan.steps[method] ??= await stepsOf(
        choices,
        budget,
        `${dir}/.timed`,
        signal,
      );
      writeAtomically(planPath, JSON.stringify(plan, null, 2) + "\n");
      if (!isTrained(run)) {
        const maxSteps = plan.steps[method]!;
        const config = { ...choices, maxSteps };
        if (!await trainMethod(title, config, run, signal)) stopped();
      }
      for (const kind of evaluationsOf(method)) {
        await evaluateMethod(title, {
          ...kind,
          modelPath: run,
          testPatches: kind.protocol === "whole" ? 1 : testPatches,
          limitTrain: values["limit-train"] as number | undefined,
          limitTest: values["limit-test"] as number | undefined,
          engine: choices.engine,
          // `auto` may measure another way when the machine is busy.
          precision: readCheckpointInfo(run).config.precision,
        }, signal);
      }
    } catch (error) {
      if (signal.aborted) stopped();
      if (!["COLLAPSED", "NOT_FINITE"].includes(codeOf(error) ?? "")) {
        throw error;
      }
      // The others are compared all the same.
      plan.failed[method] = messageOf(error);
      writeAtomically(planPath, JSON.stringify(plan, null, 2) + "\n");
    }
  }
  outcome.stop();
  for (const [method, why] of Object.entries(plan.failed)) {
    console.error(`${method} is left out: ${why}`);
  }
  const runs = methods.filter((method) => plan.failed[method] === undefined)
    .map((method) => `${dir}/${method}`);
  if (runs.length === 0) {
    throw compareError("nothing", "no method could be trained", "see above");
  }
  const { head, rows } = comparisonOf(readRuns(runs));
  console.log([head, ...rows].map((row) => row.join(" | ")).join("\n"));
  const out = `${dir}/report.html`;
  await writeReport({ runs, out, engine: first.engine });
  console.log(
    `Compared in ${formatSeconds((performance.now() - begin) / 1000)}`,
  );
  console.log(`Report: ${resolve(out)}`);
}

/** Evaluates once; what has been evaluated stays. */
async function evaluateMethod(
  title: string,
  config: Pick<EvaluateConfig, "modelPath"> & Partial<EvaluateConfig>,
  signal: AbortSignal,
): Promise<void> {
  const { path } = readCheckpointInfo(config.modelPath);
  const done = readEvaluations(config.modelPath).some((e) =>
    e.checkpoint === path && e.protocol === config.protocol &&
    e.features === config.features && e.testPatches === config.testPatches
  );
  if (done) return;
  const name = `${title}, ${config.protocol} of ${config.features}`;
  let bar: Progress | undefined, of = "";
  const result = await evaluate(config, {
    signal,
    onEvent(event) {
      if (event.type !== "features") return;
      if (of !== event.split) {
        of = event.split;
        bar = new Progress(`${name}, ${of} images`, event.count);
      }
      bar!.update(event.done);
    },
  });
  keepEvaluation(result);
}

if (import.meta.main) await main(command, run);
