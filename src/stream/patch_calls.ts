/**
 * The calls that a patch worker exposes to the pool.
 *
 * @module
 */
import type { OnFailure, PatchCutter, PatchJob } from "./patch_job.ts";
import type { RingHandle } from "./ring.ts";

/** See `patch_job.ts`. */
export interface PatchCalls {
  /** Opens the data set; `images` is shared memory: see `PatchStream.images`. */
  open(job: PatchJob, handle: RingHandle, images: Int32Array): Promise<void>;
  /** Serves tickets until the job is done. */
  run(held: Int32Array, slot: number, onFailure: OnFailure): Promise<void>;
  /** Serves one ticket again, with its own image or a substitute. */
  serve(ticket: number, substitute: number): Promise<void>;
  /** The name, index and count of a ticket's image: see `PatchCutter.describe`. */
  describe(ticket: number): ReturnType<PatchCutter["describe"]>;
  /** Resolves when no image is being decoded; to be called once the ring is aborted. */
  idle(): Promise<void>;
}
