/**
 * The calls that the training worker exposes to a run.
 *
 * @module
 */
import type { ResolvedConfig } from "../checkpoint/run_config.ts";
import type { BatchView } from "./batch_view.ts";
import type {
  NextBatches,
  StartOptions,
  StepOutcome,
  StepWish,
} from "./session_options.ts";

/** See `training_session.ts`. */
export interface TrainingCalls {
  /** Puts a new or resumed model on the device; returns its micro-batch. */
  startTraining(
    config: ResolvedConfig,
    batches: NextBatches,
    options?: StartOptions,
  ): Promise<number | undefined>;
  /** Continues with the same model and other batches. */
  continueTraining(batches: NextBatches): Promise<void>;
  /** Makes one step. */
  step(step: number, wish?: StepWish): Promise<StepOutcome>;
  /** The batch of the last step, for display. */
  view(): BatchView | undefined;
  /** Writes a checkpoint into a run's folder; returns the model's file. */
  save(dir: string, step: number): Promise<string>;
  /** Frees the model. */
  endTraining(): Promise<void>;
}
