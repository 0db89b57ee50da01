/**
 * Trains and evaluates one run of `deno task compare` or `sweep`, without repeating
 * work that an earlier call has finished.
 *
 * @module
 */
import { readCheckpointInfo } from "../../src/checkpoint/checkpoint.ts";
import type {
  ResolvedConfig,
  TrainConfig,
} from "../../src/checkpoint/run_config.ts";
import { operational } from "../../src/checkpoint/settings.ts";
import { removeUnsavedRun } from "../../src/checkpoint/run_folder.ts";
import { startCompute } from "../../src/engine/compute.ts";
import type { EngineChoice } from "../../src/engine/engine.ts";
import {
  evaluate,
  type EvaluationResult,
} from "../../src/evaluate/evaluate.ts";
import {
  checkpointFile,
  isMadeWith,
  isOnDataOf,
  keepEvaluation,
  readEvaluations,
  unfinishedFolder,
} from "../../src/evaluate/evaluation_record.ts";
import type { FeatureLayer, Protocol } from "../../src/model/methods/method.ts";
import {
  type MethodName,
  methodNamed,
} from "../../src/model/methods/methods.ts";
import { workOf } from "../../src/stream/patch_sizes.ts";
import { microBatchOf } from "../../src/train/batch.ts";
import { hasCheckpoint } from "../../src/train/resume.ts";
import { train } from "../../src/train/train.ts";
import type { Command, Values } from "./flags.ts";
import { Progress } from "./progress.ts";

/** Whether a run has made all its steps. */
export function isTrained(dir: string): boolean {
  try {
    const { step, config } = readCheckpointInfo(dir);
    return step >= config.steps;
  } catch {
    return false;
  }
}

/**
 * Rejects a run whose batch cannot be split and is too large for the free memory,
 * before the first run of the series is trained.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export async function checkMemory(runs: ResolvedConfig[]): Promise<void> {
  const whole = runs.filter((config) =>
    !methodNamed(config.method).microBatches
  );
  if (whole.length === 0) return;
  // As the runs will start it: some choices are the first engine's for a whole process.
  const { engine, threads, precision, xla } = whole[0]!;
  const compute = await startCompute({ engine, threads, precision, xla });
  try {
    for (const config of whole) {
      const own = config.precision;
      const { report } = compute;
      microBatchOf(config, {
        ...report,
        precision: own === "auto" ? report.precision : own,
      });
    }
  } finally {
    await compute.close();
  }
}

/**
 * Trains a run, or resumes it.
 *
 * @returns Whether the run is finished; false if the signal stopped it.
 */
export async function trainRun(
  title: string,
  config: TrainConfig,
  dir: string,
  signal: AbortSignal,
): Promise<boolean> {
  const goesOn = hasCheckpoint(dir);
  if (!goesOn) removeUnsavedRun(dir);
  const events = goesOn
    // With the data: a module is resumed by the name that the user gives now.
    ? train({ ...operational(config), data: config.data }, {
      resume: dir,
      signal,
    })
    : train({ ...config, dir }, { signal });
  let progress: Progress | undefined;
  const say = (line: string) => console.error(`${title}: ${line}`);
  for await (const event of events) {
    if (event.type === "start") {
      for (const fault of event.damaged) {
        say(`skipped a damaged checkpoint: ${fault}`);
      }
      const { warning } = event.engine;
      if (warning !== undefined) say(`warning: ${warning}`);
      const { config } = event;
      progress = new Progress(`${title}, train`, config.steps)
        .weighted((steps) => workOf(config, steps));
    } else if (event.type === "skipped") {
      say(`skipped ${event.image}: ${event.why}`);
    } else if (event.type === "warning") {
      say(`warning: ${event.message}`);
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

/** A kind of evaluation. */
export interface EvaluationKind {
  protocol: Protocol;
  features: FeatureLayer;
}

/** Both protocols on the backbone, and the method's default evaluation if it differs. */
export function evaluationsOf(
  method: MethodName,
): EvaluationKind[] {
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

/** The flags that say how runs are evaluated. */
export const EVALUATION_FLAGS: Command["flags"] = {
  "test-patches": {
    type: "number",
    help: "patches per image in the bag (default 16; shapes 4)",
  },
  "limit-train": { type: "number", help: "evaluate by only N training images" },
  "limit-test": { type: "number", help: "evaluate on only N test images" },
};

/** How runs are evaluated. */
export interface RunEvaluation {
  /** Patches per image in the bag. */
  testPatches: number;
  limitTrain?: number;
  limitTest?: number;
}

/** The evaluation that the flags ask for. */
export function evaluationOf(values: Values, data: string): RunEvaluation {
  return {
    testPatches: values["test-patches"] as number | undefined ??
      (data === "shapes" ? 4 : 16),
    limitTrain: values["limit-train"] as number | undefined,
    limitTest: values["limit-test"] as number | undefined,
  };
}

/** Whether an evaluation in a run's folder is the one that is asked for. */
export function isEvaluation(
  found: EvaluationResult,
  { path, config, kind, evaluation }: {
    /** The checkpoint. */
    path: string;
    /** The configuration of its run. */
    config: Parameters<typeof isOnDataOf>[1];
    kind: EvaluationKind;
    evaluation: RunEvaluation;
  },
): boolean {
  const { testPatches, limitTrain, limitTest } = evaluation;
  const limits = { train: limitTrain, test: limitTest };
  const { train, test } = found.images;
  // Earlier versions did not store the limits; a set may have fewer images than those.
  const ofEarlier = found.limits === undefined &&
    train <= (limitTrain ?? Infinity) && test <= (limitTest ?? Infinity);
  const limited = ofEarlier ? { ...found, limits } : found;
  return isOnDataOf(found, config) &&
    checkpointFile(found) === path.split("/").at(-1) &&
    !found.untrained && isMadeWith(limited, { ...kind, testPatches, limits });
}

/** Evaluates a run, unless its newest checkpoint already has this evaluation. */
export async function evaluateInSeries(
  title: string,
  { run, kind, evaluation, engine }: {
    /** The run's folder. */
    run: string;
    kind: EvaluationKind;
    evaluation: RunEvaluation;
    engine: EngineChoice;
  },
  signal: AbortSignal,
): Promise<void> {
  const { path, config } = readCheckpointInfo(run);
  const wanted = { path, config, kind, evaluation };
  const done = readEvaluations(run).some((e) => isEvaluation(e, wanted));
  if (done) return;
  const { protocol, features } = kind;
  const name = `${title}, ${protocol} of ${features}`;
  let bar: Progress | undefined, of = "";
  const result = await evaluate({
    ...evaluation,
    ...kind,
    modelPath: run,
    data: config.data,
    keepIn: unfinishedFolder(path),
    engine,
    // As in training: a process has one number of threads.
    threads: config.threads,
    workers: config.workers,
    // `auto` could choose another format while the machine is busy. A run in tf32 may
    // have gone on where there is no GPU.
    precision: config.precision === "tf32" ? "auto" : config.precision,
  }, {
    signal,
    onEvent(event) {
      if (event.type === "skipped") {
        console.error(`${name}: left out ${event.image}: ${event.why}`);
      } else if (event.type === "warning") {
        console.error(`${name}: warning: ${event.message}`);
      }
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
