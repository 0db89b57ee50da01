/**
 * The events of a run, and the interface of the probe that evaluates its model.
 *
 * @module
 */
import type { DatasetSource } from "../data/dataset.ts";
import type { EngineReport, StepLosses } from "../engine/engine.ts";
import type { BatchView } from "./batch_view.ts";
import type { ResolvedConfig } from "../checkpoint/run_config.ts";

/** The metrics of one step. */
export interface StepMetrics extends StepLosses {
  /**
   * Effective rank of the images' mean embeddings: 1 to b. Where computing it at every
   * step would take over 1 % of the time, that of an earlier step: see `sampled_rank.ts`.
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
   * CPU seconds of all threads of this process since the previous step; missing in logs
   * of earlier versions.
   */
  processorSeconds?: number;
  /** Patches per second, including the waiting. */
  patchesPerSecond: number;
}

/** An event of a run. */
export type TrainEvent =
  | {
    type: "start";
    config: ResolvedConfig;
    /** The images, as all threads of the run open them. */
    source: DatasetSource;
    engine: EngineReport;
    /** The run's folder; of several processes only process 0 has one. */
    dir?: string;
    microBatch?: number;
    /** The first step; 0 in a new run. */
    step: number;
    /** Side of the first patches, in pixels. */
    patchSize: number;
    /** Newer checkpoints that are damaged: what is wrong with each. */
    damaged: string[];
  }
  | {
    type: "step";
    metrics: StepMetrics;
    /** The batch, if `includeBatch` requested it. */
    view?: BatchView;
  }
  | {
    /** The patch size has changed. */
    type: "resize";
    /** The first step with the new size. */
    step: number;
    /** Side of a patch in pixels. */
    patchSize: number;
  }
  | {
    type: "checkpoint";
    path: string;
    /** How many steps were made. */
    step: number;
    /** How many epochs, at the end of one. */
    epoch?: number;
  }
  | {
    type: "stopped";
    /** How many steps were made. */
    step: number;
    dir?: string;
  }
  | {
    type: "probe";
    /** The step just made, from 0. */
    step: number;
    /** Share of the test images, 0 to 1. */
    top1: number;
    /** Share of the test images, 0 to 1. */
    top5: number;
  }
  | { type: "skipped"; image: string; why: string }
  | { type: "warning"; message: string };

/** Evaluates the model during training; see `evaluate/online_probe.ts`. */
export interface Probe {
  /** Steps between two evaluations; an epoch by default. */
  every?: number;
  /** Rejects data that cannot be evaluated, before the run. */
  check(config: ResolvedConfig): Promise<void>;
  /**
   * Evaluates the model.
   *
   * @param compute The training thread (`Compute` of `engine/compute.ts`), which has the
   * model.
   * @param onSkipped Called once for each image that cannot be read.
   * @param patchSize Side of the patches in the current phase of training; that in the
   * configuration is the run's last size.
   */
  run(
    compute: unknown,
    config: ResolvedConfig,
    onSkipped?: (image: string, why: string) => void,
    patchSize?: number,
  ): Promise<{ top1: number; top5: number }>;
}
