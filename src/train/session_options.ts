/**
 * Options of a training session.
 *
 * @module
 */

import type { RingHandle } from "../stream/ring.ts";

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
  /** Patches of an image at a time; overrides that of the configuration. */
  microBatch?: number;
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
