/**
 * What a run asks of its training session.
 *
 * @module
 */

import type { RingHandle } from "../stream/ring.ts";

/** The files of a checkpoint to go on from. */
export interface StartingPoint {
  /** The model. */
  model: string;
  /** The optimiser. */
  optimizer: string;
}

/** What a session may start with. */
export interface StartOptions {
  /** The checkpoint to go on from. */
  from?: StartingPoint;
  /** A folder for TensorBoard's event files. */
  tensorBoard?: string;
  /** Patches of an image at a time, where the configuration leaves it open. */
  microBatch?: number;
  /** Whether batches are to be looked at: see `TrainingSession.view`. */
  watched?: boolean;
}

/** Batches of another shape, or from another place in the data. */
export interface NextBatches {
  /** Where they come from. */
  handle: RingHandle;
  /** Side of their patches in pixels. */
  patchSize: number;
  /** The step before which they end. */
  end: number;
}

/** How a step is made. */
export interface StepWish {
  /** Whether this process asks that it be the last one. */
  stop?: boolean;
  /**
   * Whether the next step may begin before this one's numbers are looked at, so that
   * the device does not wait for JavaScript. What is saved then is the state after
   * it.
   */
  ahead?: boolean;
}
