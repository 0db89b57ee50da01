/**
 * How `deno task compare` and `sweep` train and evaluate one run: what is done stays done.
 *
 * @module
 */
import { readCheckpointInfo } from "../../src/checkpoint/checkpoint.ts";
import type { TrainConfig } from "../../src/checkpoint/run_config.ts";
import { removeUnsavedRun } from "../../src/checkpoint/run_folder.ts";
import { evaluate, type EvaluateConfig } from "../../src/evaluate/evaluate.ts";
import {
  keepEvaluation,
  readEvaluations,
} from "../../src/evaluate/evaluation_record.ts";
import type { FeatureLayer, Protocol } from "../../src/model/methods/method.ts";
import {
  type MethodName,
  methodNamed,
} from "../../src/model/methods/methods.ts";
import { hasCheckpoint } from "../../src/train/resume.ts";
import { train } from "../../src/train/train.ts";
import { Progress } from "./progress.ts";

/** Whether a run has all its steps. */
export function isTrained(dir: string): boolean {
  try {
    const { step, config } = readCheckpointInfo(dir);
    return step >= config.steps;
  } catch {
    return false;
  }
}

/**
 * Trains a run, or goes on with it.
 *
 * @returns Whether it has come to its end; else the signal has stopped it.
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
export function evaluationsOf(
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

/** Evaluates once; what has been evaluated stays. */
export async function evaluateRun(
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
