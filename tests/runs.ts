/** Folders of runs for tests. */
import type { TrainConfig } from "../src/checkpoint/run_config.ts";
import type { EvaluationResult } from "../src/evaluate/evaluate.ts";
import { resolveConfig } from "../src/train/config.ts";
import { TRAIN_DEFAULTS } from "../src/train/choices.ts";

/**
 * Writes a run's folder as `train` does, without checkpoints.
 *
 * @param choices The settings of its configuration that differ from the defaults.
 * @param loss The loss of each step.
 */
export async function writeRun(
  dir: string,
  steps: number,
  choices: Partial<TrainConfig> = {},
  loss = (step: number) => -200 - step / steps,
): Promise<void> {
  const config = await resolveConfig({ ...TRAIN_DEFAULTS, ...choices });
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeTextFile(
    `${dir}/config.json`,
    JSON.stringify({ ...config, steps, msg: '<b>"&' }),
  );
  const lines = Array.from({ length: steps }, (_, step) => ({
    step,
    epoch: 0,
    lr: 0.3 * (1 - step / steps),
    loss: loss(step),
    invariance: 0.8,
    tcr: 140,
    effectiveRank: 5 + step / steps,
    computeSeconds: 3,
    waitSeconds: 0.1,
    patchesPerSecond: 90,
  }));
  const text = [...lines, { step: steps - 1, probe: { top1: 0.5, top5: 1 } }];
  await Deno.writeTextFile(
    `${dir}/metrics.jsonl`,
    text.map((line) => JSON.stringify(line)).join("\n") + '\n{"step":9',
  );
}

/** The result of an evaluation of a run. */
export function evaluationOf(
  dir: string,
  changes: Partial<EvaluationResult> = {},
): EvaluationResult {
  const accuracy = { top1: 0.8, top5: 0.9 };
  return {
    checkpoint: `${dir}/checkpoint-00000010.safetensors`,
    data: "cifar10",
    images: { train: 50000, test: 10000 },
    leftOut: { train: 0, test: 0 },
    classes: 10,
    testPatches: 128,
    engine: { engine: "cpu", version: "1", device: "CPU", precision: "fp32" },
    linear: { last: accuracy, best: accuracy },
    knn: accuracy,
    seconds: 1,
    ...changes,
  };
}

/** Removes the checkpoint after a step, if a run has it. */
export async function removeCheckpoint(
  dir: string,
  step: number,
): Promise<void> {
  const name = `checkpoint-${String(step).padStart(8, "0")}`;
  for (const end of ["json", "safetensors", "optimizer.safetensors"]) {
    await Deno.remove(`${dir}/${name}.${end}`).catch(() => {});
  }
}
