/**
 * What a run tells as it goes, and what may look at it.
 *
 * @module
 */
import type { EngineReport } from "../engine/engine.ts";
import type { BatchView } from "./batch_view.ts";
import type { ResolvedConfig } from "./config.ts";
import type { StepMetrics } from "./training_session.ts";

/** What a run tells as it goes. */
export type TrainEvent =
  | {
    type: "start";
    config: ResolvedConfig;
    engine: EngineReport;
    /** The run's folder; of several processes the first has it. */
    dir?: string;
    microBatch?: number;
    /** The step that comes first; 0 in a new run. */
    step: number;
    /** Newer checkpoints that could not be used, and why. */
    damaged: string[];
  }
  | {
    type: "step";
    metrics: StepMetrics;
    /** The batch, where `watch` wanted it. */
    view?: BatchView;
  }
  | { type: "checkpoint"; path: string; step: number; epoch?: number }
  | { type: "stopped"; step: number; dir?: string }
  | { type: "probe"; step: number; top1: number; top5: number }
  | { type: "skipped"; image: string; why: string };

/** Tests the model while it trains; see `evaluate/online_probe.ts`. */
export interface Probe {
  /** Steps between two tests; an epoch where it is not given. */
  every?: number;
  /** Refuses data that cannot be tested, before the run. */
  check(config: ResolvedConfig): Promise<void>;
  /**
   * Makes a test.
   *
   * @param compute The training worker (`Compute` of `train/compute.ts`), which
   * holds the model.
   * @param onSkipped Told once of each image that cannot be read.
   */
  run(
    compute: unknown,
    config: ResolvedConfig,
    onSkipped?: (image: string, why: string) => void,
  ): Promise<{ top1: number; top5: number }>;
}
