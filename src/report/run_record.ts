/**
 * Reads the files of a run for a report.
 *
 * @module
 */
import { errorMaker, messageOf } from "../common/errors.ts";
import type { EngineReport } from "../engine/engine.ts";
import type { EvaluationResult } from "../evaluate/evaluate.ts";
import { readEvaluations } from "../evaluate/evaluation_record.ts";
import { readMetrics } from "../train/metrics.ts";
import type { ResolvedConfig } from "../checkpoint/run_config.ts";
import type { StepMetrics } from "../train/events.ts";
import { trimSlashes } from "../common/files.ts";

const recordError = errorMaker("read the run", "INVALID_ARGUMENT");
const missingError = errorMaker("read the run", "NOT_FOUND");
const REMEDY = "name the folder of a run";

/** A result of the online probe. */
export interface ProbeRecord {
  /** The step after which it was made. */
  step: number;
  /** kNN top-1, 0 to 1. */
  top1: number;
}

/** See the module's description. */
export interface RunRecord {
  /** The run's folder. */
  dir: string;
  /** Its name in figures: the folder's name, or its path where two share a name. */
  name: string;
  /** Its configuration, and the engine it ran on. */
  config: ResolvedConfig & { report?: EngineReport };
  /** Its steps. */
  steps: StepMetrics[];
  /** Its probes. */
  probes: ProbeRecord[];
  /** Its evaluations, the newest last. */
  evaluations: EvaluationResult[];
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw missingError(path, "there is no such file", REMEDY);
    }
    throw recordError(path, messageOf(error), REMEDY);
  }
}

/** How many steps a run has made; lines of its metrics may be missing. */
export function stepsMade(steps: StepMetrics[]): number {
  return (steps.at(-1)?.step ?? -1) + 1;
}

/** The time of some steps, with that spent waiting for patches. */
export function secondsOf(steps: StepMetrics[]): number {
  return steps.reduce(
    (sum, { computeSeconds, waitSeconds }) =>
      sum + computeSeconds + waitSeconds,
    0,
  );
}

/**
 * Reads a run.
 *
 * @throws {EmpSslError} `NOT_FOUND`; `INVALID_ARGUMENT` where it is no run, or has made
 * no step.
 */
export function readRun(path: string): RunRecord {
  const dir = trimSlashes(path);
  const file = `${dir}/config.json`;
  const config = attempt(file, (): RunRecord["config"] => {
    const found = JSON.parse(Deno.readTextFileSync(file));
    if (typeof found?.data !== "string" || !(found.steps >= 0)) {
      throw new Error("it is not the configuration of a run");
    }
    return found;
  });
  const steps: StepMetrics[] = [], probes: ProbeRecord[] = [];
  const metrics = `${dir}/metrics.jsonl`;
  for (const record of attempt(metrics, () => readMetrics(metrics))) {
    if ("probe" in record) probes.push({ step: record.step, ...record.probe });
    else if (Number.isFinite(record.loss)) steps.push(record);
  }
  if (steps.length === 0) {
    throw recordError(dir, "it has made no step yet", "name another run");
  }
  const evaluations = readEvaluations(dir), name = dir.split("/").at(-1)!;
  return { dir, name, config, steps, probes, evaluations };
}

/** Reads some runs; those whose folders have the same name are named by their paths. */
export function readRuns(paths: readonly string[]): RunRecord[] {
  const runs = paths.map(readRun);
  const shared = (name: string) =>
    runs.filter((run) => run.name === name).length > 1;
  return runs.map((run) => shared(run.name) ? { ...run, name: run.dir } : run);
}

/** At most `most` records, evenly spaced, with the first and the last one. */
export function thinned<T>(records: T[], most: number): T[] {
  if (records.length <= most) return records;
  const every = (records.length - 1) / (most - 1);
  return Array.from(
    { length: most },
    (_, i) => records[Math.round(i * every)]!,
  );
}
