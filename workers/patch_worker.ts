/**
 * The thread that cuts patches: a thin Comlink shell around `PatchCutter`.
 *
 * @module
 */
import * as Comlink from "../src/deps/comlink.ts";
import { type OnFailure, PatchCutter } from "../src/stream/patch_job.ts";
import type { PatchCalls } from "../src/stream/patch_calls.ts";

let cutter: PatchCutter;

const calls: PatchCalls = {
  /** Opens the data set. */
  async open(job, handle, images) {
    cutter = await PatchCutter.open(job, handle, images);
  },
  /** Serves tickets until the job is done. */
  run(held: Int32Array, slot: number, onFailure: OnFailure): Promise<void> {
    const onTicket = (ticket: number) => {
      Atomics.store(held, slot, ticket + 1);
    };
    // A run once stood still with all threads asleep, and an image half done. It
    // was not seen again, in 5.7 million wake-ups of a test; this timer wakes the
    // thread, so that what has come to it is not left lying.
    const heartbeat = setInterval(() => {}, 500);
    return cutter.run(onTicket, onFailure).finally(() => {
      clearInterval(heartbeat);
      Atomics.store(held, slot, 0);
    });
  },
  /** Serves one ticket again, or another image in its place. */
  serve(ticket: number, substitute: number): Promise<void> {
    return cutter.serve(ticket, substitute);
  },
  /** A ticket's image. */
  describe(ticket: number): ReturnType<PatchCutter["describe"]> {
    return cutter.describe(ticket);
  },
};

Comlink.expose(calls);
