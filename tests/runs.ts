/** Folders of runs for tests. */
import { resolveConfig } from "../src/train/config.ts";
import { TRAIN_DEFAULTS } from "../src/train/choices.ts";

/** A run's folder as `train` and `evaluate` leave it, without checkpoints. */
export async function writeRun(dir: string, steps: number): Promise<void> {
  const config = await resolveConfig({ ...TRAIN_DEFAULTS });
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeTextFile(
    `${dir}/config.json`,
    JSON.stringify({ ...config, steps, msg: '<b>"&' }),
  );
  const lines = Array.from({ length: steps }, (_, step) => ({
    step,
    epoch: 0,
    lr: 0.3 * (1 - step / steps),
    loss: -200 - step / steps,
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
