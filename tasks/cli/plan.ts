/**
 * What the runs of `deno task compare` and `sweep` are given: the same budget and the
 * same choices, kept so that a later call goes on.
 *
 * @module
 */
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { writeAtomically } from "../../src/atomic_file.ts";
import type {
  ResolvedConfig,
  TrainConfig,
} from "../../src/checkpoint/run_config.ts";
import { errorMaker, messageOf } from "../../src/errors.ts";
import { exists } from "../../src/files.ts";
import { sizePhases } from "../../src/stream/patch_sizes.ts";
import { train } from "../../src/train/train.ts";
import type { Values } from "./flags.ts";

/** What cannot be compared. */
export const planError = errorMaker("compare", "INVALID_ARGUMENT");

const BUDGETS = ["epoch", "passes", "minutes"] as const;

/** How long each method trains. */
export type Budget = Partial<Record<typeof BUDGETS[number], number>>;

/**
 * The budget that the flags say.
 *
 * @param usual The budget where they say none.
 * @throws {EmpSslError} `INVALID_ARGUMENT` for two of them, or for none at all.
 */
export function budgetOf(values: Values, usual: Budget): Budget {
  const given = BUDGETS.filter((name) => values[name] !== undefined)
    .map((name) => [name, values[name] as number] as const);
  if (given.length > 1) {
    const names = given.map(([name]) => `--${name}`).join(" and ");
    throw planError(`by ${names}`, "a run has one length", "give one");
  }
  for (const [name, value] of given) {
    const fits = name === "epoch" ? Number.isInteger(value) : true;
    if (fits && value > 0) continue;
    const remedy = name === "epoch" ? "give 1 or more" : "give a number over 0";
    throw planError(`for --${name} ${value}`, "it is no length", remedy);
  }
  return given.length === 1 ? Object.fromEntries(given) : usual;
}

/** A method's choices: as they are given, and as the data fills them in. */
export interface Chosen {
  choices: TrainConfig;
  resolved: ResolvedConfig;
}

/** Steps that are timed for a budget of minutes; the first does not count. */
const TIMED = 4;

/** Mean seconds of a step of a method: of each size of its patches, by their shares. */
async function secondsOfStep(
  { choices, resolved }: Chosen,
  dir: string,
  signal: AbortSignal,
): Promise<number> {
  // In a run of a million steps rounding changes no share.
  const steps = 1e6;
  let seconds = 0;
  for (const { patchSize, first, end } of sizePhases({ ...resolved, steps })) {
    const alone = { ...choices, patchSize, progressive: undefined };
    const share = (end - first) / steps;
    seconds += share * await secondsOfSize(alone, dir, signal);
  }
  return seconds;
}

/** Seconds of a step whose patches have one size. */
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
 * The steps that a budget gives a method.
 *
 * @param chosen The method's choices.
 * @param budget How long it trains.
 * @param options A folder for steps that are timed, and a signal that ends them.
 */
export async function stepsOf(
  chosen: Chosen,
  budget: Budget,
  { dir, signal }: { dir: string; signal: AbortSignal },
): Promise<number> {
  const { stepsPerEpoch, bs, numPatches } = chosen.resolved;
  if (budget.epoch !== undefined) return budget.epoch * stepsPerEpoch;
  const steps = budget.passes !== undefined
    ? budget.passes / (bs * numPatches)
    : budget.minutes! * 60 / await secondsOfStep(chosen, dir, signal);
  return Math.max(1, Math.round(steps));
}

/** What the runs were given, so that a later call goes on with the same. */
export interface Plan {
  budget: Budget;
  /** What is the same for all: flags of `train`, limits of the evaluation. */
  shared: Record<string, unknown>;
  /** The steps of each, where the budget decides. */
  steps: Record<string, number>;
  /** Why one could not be trained. */
  failed: Record<string, string>;
}

/** Flags that may differ when a comparison goes on; its budget is kept apart. */
const FREE: readonly string[] = [
  ...["methods", "dir", "workers", "threads", "engine", "no-download"],
  ...BUDGETS,
];

/** What has to be the same when a comparison goes on. */
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
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it was another one.
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
    throw planError(`in ${path}`, messageOf(error), "name another --dir");
  }
  const given = { ...budget, ...shared },
    kept: Record<string, unknown> = { ...plan.budget, ...plan.shared };
  // Earlier versions kept a number.
  if (typeof kept["patch-size"] === "number") {
    kept["patch-size"] = String(kept["patch-size"]);
  }
  if (isDeepStrictEqual(given, kept)) return plan;
  throw planError(
    `by ${JSON.stringify(given)} in ${path.replace(/\/[^/]*$/, "")}`,
    `its runs were given ${JSON.stringify(kept)}`,
    "give the same, or name another --dir",
  );
}

/** Keeps a plan for a later call. */
export function keepPlan(path: string, plan: Plan): void {
  writeAtomically(path, JSON.stringify(plan, null, 2) + "\n");
}
