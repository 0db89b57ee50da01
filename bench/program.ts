/**
 * The rate of the whole program, including patch workers.
 *
 * @module
 */
import type { Precision } from "../src/engine/engine.ts";
import type { Setting } from "./settings.ts";
import { train } from "../src/train/train.ts";
import { TRAIN_DEFAULTS } from "../src/train/choices.ts";

/** What to run. */
export interface ProgramOptions {
  /** What is trained. */
  setting: Setting;
  /** Number format. */
  precision: Precision;
  /** Steps that are counted; one more is made before them. */
  repeat: number;
}

/** Writes images of noise in CIFAR-10's binary format. */
export function writeRecords(path: string, count: number): void {
  const bytes = new Uint8Array(count * 3073);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = i % 3073 === 0 ? i / 3073 % 10 : Math.imul(i, 2654435761) >>> 24;
  }
  Deno.writeFileSync(path, bytes);
}

/**
 * Trains on images of 32 × 32 and times whole steps, including the wait for patches.
 *
 * @returns Seconds of each step.
 */
export async function programSteps(
  { setting, precision, repeat }: ProgramOptions,
): Promise<number[]> {
  const { arch, images, patches, size } = setting;
  const folder = Deno.makeTempDirSync({ prefix: "emp-ssl-bench-" });
  const seconds: number[] = [];
  try {
    writeRecords(`${folder}/train.bin`, images * (repeat + 1));
    writeRecords(`${folder}/test.bin`, 1);
    const events = train({
      ...TRAIN_DEFAULTS,
      data: "cifar10",
      dataDir: folder,
      dir: `${folder}/run`,
      bs: images,
      numPatches: patches,
      arch,
      patchSize: size,
      epoch: 1,
      engine: "tensorflow",
      precision,
      microBatch: patches,
    });
    for await (const event of events) {
      if (event.type !== "step") continue;
      const { patchesPerSecond, step } = event.metrics;
      if (step > 0) seconds.push(images * patches / patchesPerSecond);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  return seconds;
}
