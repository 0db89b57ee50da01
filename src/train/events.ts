/**
 * The events of a run, and the probe that tests its model.
 *
 * @module
 */
import type { DatasetSource } from "../data/dataset.ts";
import type { EngineReport, StepLosses } from "../engine/engine.ts";
import type { BatchView } from "./batch_view.ts";
import type { ResolvedConfig } from "../checkpoint/run_config.ts";

/** The numbers of one step. */
export interface StepMetrics extends StepLosses {
  /**
   * Directions that the mean embeddings of the images fill: 1 to b. Of an earlier
   * step where it would take over a hundredth of one: see `sampled_rank.ts`.
   */
  effectiveRank: number;
  /** The step, from 0. */
  step: number;
  /** The epoch, from 0. */
  epoch: number;
  /** Learning rate of the step. */
  lr: number;
  /** Seconds of computing. */
  computeSeconds: number;
  /** Seconds of waiting for the batch. */
  waitSeconds: number;
  /**
   * Processor seconds of all threads of this process since the step before;
   * earlier versions did not keep them.
   */
  processorSeconds?: number;
  /** Patches a second, waiting included. */
  patchesPerSecond: number;
  /** Whether it was the last step, since some process asked to stop. */
  stopping?: boolean;
}

/** An event of a run. */
export type TrainEvent =
  | {
    type: "start";
    config: ResolvedConfig;
    /** The images, as all threads of the run read them. */
    source: DatasetSource;
    engine: EngineReport;
    /** The run's folder; of several processes the first has it. */
    dir?: string;
    microBatch?: number;
    /** The step that comes first; 0 in a new run. */
    step: number;
    /** Side of the patches that come first, in pixels. */
    patchSize: number;
    /** Newer checkpoints that could not be used, and why. */
    damaged: string[];
  }
  | {
    type: "step";
    metrics: StepMetrics;
    /** The batch, where `includeBatch` asked for it. */
    view?: BatchView;
  }
  | {
    /** Patches have another size from here on. */
    type: "resize";
    /** The first step with it. */
    step: number;
    /** Side of a patch in pixels. */
    patchSize: number;
  }
  | { type: "checkpoint"; path: string; step: number; epoch?: number }
  | { type: "stopped"; step: number; dir?: string }
  | { type: "probe"; step: number; top1: number; top5: number }
  | { type: "skipped"; image: string; why: string }
  | { type: "warning"; message: string };

/** Tests the model while it trains; see `evaluate/online_probe.ts`. */
export interface Probe {
  /** Steps between two tests; an epoch where it is not given. */
  every?: number;
  /** Refuses data that cannot be tested, before the run. */
  check(config: ResolvedConfig): Promise<void>;
  /**
   * Makes a test.
   *
   * @param compute The thread that trains (`Compute` of `engine/compute.ts`),
   * which holds the model.
   * @param onSkipped Told once of each image that cannot be read.
   * @param patchSize Side of the patches that the model is trained with now; the
   * configuration's is the run's last one.
   */
  run(
    compute: unknown,
    config: ResolvedConfig,
    onSkipped?: (image: string, why: string) => void,
    patchSize?: number,
  ): Promise<{ top1: number; top5: number }>;
}
