/** Networks that are narrow enough for tests, with the paper's loss and LARS. */
import type { TrainerOptions } from "../src/engine/engine.ts";
import { OPTIMIZER } from "../src/model/optimizer.ts";

/** The widths and the batch of a case. */
export interface NarrowCase {
  width: number;
  hidden: number;
  embedding: number;
  images: number;
  patches: number;
}

/** A network whose start and checkpoints take little time. */
export const NARROW_MODEL = { width: 8, hidden: 32, embedding: 16 };

/** The same as flags of `train`. */
export const NARROW_FLAGS = ["--model", JSON.stringify(NARROW_MODEL)];

/** The options of a trainer on patches of 16 × 16 pixels. */
export function narrow(
  { images, patches, ...widths }: NarrowCase,
): TrainerOptions {
  return {
    model: { depth: 18, stem: "cifar", channels: 3, ...widths },
    images,
    patches,
    patchSize: 16,
    loss: { patchSim: 200, tcr: 1, eps: 0.2 },
    optimizer: OPTIMIZER,
  };
}
