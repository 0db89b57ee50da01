/**
 * The plan of `deno task compare` and `sweep`: budget and choices that all runs share,
 * saved so that a later call resumes the comparison.
 *
 * @module
 */
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { writeAtomically } from "../../src/common/atomic_file.ts";
import type {
  ResolvedConfig,
  TrainConfig,
} from "../../src/checkpoint/run_config.ts";
import { readCheckpointInfo } from "../../src/checkpoint/checkpoint.ts";
import { IDENTITY, isSameSetting } from "../../src/checkpoint/settings.ts";
import { errorMaker, messageOf } from "../../src/common/errors.ts";
import { exists } from "../../src/common/files.ts";
import { sizePhases } from "../../src/stream/patch_sizes.ts";
import { train } from "../../src/train/train.ts";
import type { Values } from "./flags.ts";

/** An error in what is to be compared. */
export const planError = errorMaker("compare", "INVALID_ARGUMENT");

const folderError = errorMaker("make the folder", "INVALID_ARGUMENT");
const repeatError = errorMaker("go on with", "INVALID_ARGUMENT");

/** What a budget decides: it is compared apart. */
const OF_BUDGET: readonly string[] = ["epoch", "maxSteps", "warmUp"];

/**
 * Rejects a run of an earlier call that would not be the same if it were made now:
 * images were added, or a file that a flag names has changed.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with both values.
 */
export function checkRun(dir: string, wanted: ResolvedConfig): void {
  const stored = storedConfig(dir);
  if (stored === undefined) return;
  const other = [...IDENTITY, "dataDigest" as const].find((name) =>
    !OF_BUDGET.includes(name) && !isSameSetting(name, stored, wanted)
  );
  if (other === undefined) return;
  const text = (config: ResolvedConfig) =>
    (JSON.stringify(config[other]) ?? "none").slice(0, 100);
  throw repeatError(
    dir,
    `its ${other} is ${text(stored)}, and would be ${text(wanted)} now`,
    "put it back, or name another --dir",
  );
}

/** The configuration of a run that has a checkpoint; undefined if there is none. */
function storedConfig(dir: string): ResolvedConfig | undefined {
  try {
    return readCheckpointInfo(dir).config;
  } catch {
    return undefined;
  }
}

const BUDGETS = ["epoch", "passes", "minutes"] as const;

/** How long each method trains. */
export type Budget = Partial<Record<typeof BUDGETS[number], number>>;

/**
 * The budget that the flags give.
 *
 * @param usual The budget if they give none.
 * @throws {EmpSslError} `INVALID_ARGUMENT` for several budgets, or an invalid one.
 */
export function budgetOf(values: Values, usual: Budget): Budget {
  const given = BUDGETS.filter((name) => values[name] !== undefined)
    .map((name) => [name, values[name] as number] as const);
  if (given.length > 1) {
    const names = given.map(([name]) => `--${name}`).join(" and ");
    throw planError(`by ${names}`, "a run has one length", "give one of them");
  }
  for (const [name, value] of given) {
    const fits = name === "epoch" ? Number.isInteger(value) : true;
    if (fits && value > 0) continue;
    const remedy = name === "epoch" ? "give 1 or more" : "give a number over 0";
    throw planError(
      `for --${name} ${value}`,
      "it is not a valid length",
      remedy,
    );
  }
  return given.length === 1 ? Object.fromEntries(given) : usual;
}

/** A method's choices: as given, and resolved for the data set. */
export interface Chosen {
  choices: TrainConfig;
  resolved: ResolvedConfig;
}

/** Steps that are made to time a budget of minutes; the first one is not counted. */
const TIMED = 4;

/** Mean seconds of a method's step, weighted by the run's share of each patch size. */
async function secondsOfStep(
  { choices, resolved }: Chosen,
  dir: string,
  signal: AbortSignal,
): Promise<number> {
  // With a million steps, rounding to whole steps leaves the shares as they are.
  const steps = 1e6;
  let seconds = 0;
  for (const { patchSize, first, end } of sizePhases({ ...resolved, steps })) {
    const alone = { ...choices, patchSize, progressive: undefined };
    const share = (end - first) / steps;
    seconds += share * await secondsOfSize(alone, dir, signal);
  }
  return seconds;
}

/** Median seconds of a step with patches of one size. */
async function secondsOfSize(
  choices: TrainConfig,
  dir: string,
  signal: AbortSignal,
): Promise<number> {
  const controller = new AbortController();
  const seconds: number[] = [];
  const both = AbortSignal.any([signal, controller.signal]);
  await Deno.remove(dir, { recursive: true }).catch(() => {});
  try {
    const timed = { ...choices, epoch: 100, dir };
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

/**
 * The number of steps of a method within a budget.
 *
 * @param chosen The method's choices.
 * @param budget How long it trains.
 * @param options A folder for the timed runs, and a signal that ends them.
 */
export async function stepsOf(
  chosen: Chosen,
  budget: Budget,
  { dir, signal }: { dir: string; signal: AbortSignal },
): Promise<number> {
  const { stepsPerEpoch, bs, numPatches } = chosen.resolved;
  if (budget.epoch !== undefined) return budget.epoch * stepsPerEpoch;
  if (budget.passes !== undefined) {
    return stepsWithin(budget.passes, bs * numPatches);
  }
  const seconds = await secondsOfStep(chosen, dir, signal);
  return stepsWithin(60 * budget.minutes!, seconds);
}

/** How many steps of a size make up an amount; one at least. */
export function stepsWithin(amount: number, ofStep: number): number {
  return Math.max(1, Math.round(amount / ofStep));
}

/** What the runs of a comparison share, stored in a file for later calls. */
export interface Plan {
  budget: Budget;
  /** What is the same for all: flags of `train`, limits of the evaluation. */
  shared: Record<string, unknown>;
  /** The number of steps of each run, where it follows from the budget. */
  steps: Record<string, number>;
  /** The reason for each run that could not be trained. */
  failed: Record<string, string>;
}

/** Flags that may differ when a comparison is resumed; the budget is stored apart. */
const FREE: readonly string[] = [
  ...["methods", "dir", "workers", "threads", "engine", "no-download"],
  ...["save-every", "keep", "strict", "xla", "data-url", "cache-limit", "help"],
  ...BUDGETS,
];

/** The flags that have to be the same when a comparison is resumed. */
export function sharedOf(values: Values): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) =>
      value !== undefined && !FREE.includes(name)
    ).map(([name, value]) => [
      name,
      name === "data-dir" ? resolve(String(value)) : value,
    ]),
  );
}

/**
 * The plan of an earlier call, or a new one.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` if the earlier plan is unreadable or differs.
 */
export async function readPlan(
  path: string,
  budget: Budget,
  shared: Record<string, unknown>,
): Promise<Plan> {
  if (!await exists(path)) return { budget, shared, steps: {}, failed: {} };
  let plan: Plan;
  try {
    plan = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw repeatError(path, messageOf(error), "name another --dir", error);
  }
  const given: Record<string, unknown> = { ...budget, ...shared },
    kept: Record<string, unknown> = {
      ...plan.budget,
      // Earlier versions stored flags that may differ, too.
      ...sharedOf(plan.shared as Values),
    };
  // Earlier versions stored a number.
  if (typeof kept["patch-size"] === "number") {
    kept["patch-size"] = String(kept["patch-size"]);
  }
  const other = [...new Set([...Object.keys(given), ...Object.keys(kept)])]
    .find((name) => !isDeepStrictEqual(given[name], kept[name]));
  if (other === undefined) return plan;
  throw repeatError(
    `the runs in ${path.replace(/\/[^/]*$/, "")}`,
    `they were begun ${flagText(other, kept[other])}, and this is ` +
      flagText(other, given[other]),
    "give the same flags, or name another --dir",
  );
}

/** A flag's value, or that it was not given: `with --bs 50`, `without --bs`. */
function flagText(name: string, value: unknown): string {
  if (value === undefined || value === false) return `without --${name}`;
  const text = typeof value === "object" ? JSON.stringify(value) : `${value}`;
  return `with --${name}${value === true ? "" : ` ${text}`}`;
}

/** Saves a plan for later calls. */
export function keepPlan(path: string, plan: Plan): void {
  writeAtomically(path, JSON.stringify(plan, null, 2) + "\n");
}

/**
 * Makes the folder of a series.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` if it cannot be made.
 */
export async function makeFolder(dir: string): Promise<void> {
  try {
    await Deno.mkdir(dir, { recursive: true });
  } catch (error) {
    const remedy = "name another folder with --dir";
    throw folderError(dir, messageOf(error), remedy, error);
  }
}
