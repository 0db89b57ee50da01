/**
 * The calls that the training worker exposes to a run, and their options.
 *
 * @module
 */
import type { ResolvedConfig } from "../checkpoint/run_config.ts";
import type { BatchView } from "./batch_view.ts";
import type { RingHandle } from "../stream/ring.ts";
import type { StepMetrics } from "./events.ts";

/** The files of a checkpoint to resume from. */
export interface StartingPoint {
  /** The model's file. */
  model: string;
  /** The optimiser's file. */
  optimizer: string;
}

/** Options for the start of a session. */
export interface StartOptions {
  /** The checkpoint to resume from. */
  from?: StartingPoint;
  /** A folder for TensorBoard's event files. */
  tensorBoard?: string;
  /** Whether batches are to be displayed: see `TrainingSession.view`. */
  watched?: boolean;
}

/** The batches of a phase with one patch size. */
export interface NextBatches {
  /** The ring that they are taken from. */
  handle: RingHandle;
  /** Side of their patches in pixels. */
  patchSize: number;
  /** The step after the last batch's. */
  end: number;
}

/** What a step gives to the training loop. */
export interface StepOutcome extends StepMetrics {
  /** Whether some process asked to stop: all of them then stop after the next step. */
  stopping?: boolean;
}

/** Options of a step. */
export interface StepWish {
  /** Whether this process asks to stop the run. */
  stop?: boolean;
  /**
   * Whether the next step may begin before this one's metrics are processed, so that the
   * device does not wait for JavaScript. A checkpoint written then has the state after
   * the next step.
   */
  ahead?: boolean;
}

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
