/**
 * The worker thread that cuts patches: a thin Comlink wrapper around `PatchCutter`.
 *
 * @module
 */
import process from "node:process";
import * as Comlink from "../src/deps/comlink.ts";
import { type OnFailure, PatchCutter } from "../src/stream/patch_job.ts";
import type { PatchCalls } from "../src/stream/patch_calls.ts";

/**
 * Code of a user's data set that ends its process would end this thread alone, without
 * an event: the pool would wait for ever. Its image fails instead.
 */
function refuse(name: string): () => never {
  return () => {
    throw new Error(`the data set calls ${name}()`);
  };
}
self.close = refuse("close");
Deno.exit = refuse("Deno.exit");
process.exit = refuse("process.exit");

let cutter: PatchCutter;

/** The calls that may be decoding an image. */
const pending = new Set<Promise<void>>();

function noted(work: Promise<void>): Promise<void> {
  pending.add(work);
  return work.finally(() => pending.delete(work));
}

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
    // A run once hung with all threads asleep and an image half processed. The hang did
    // not recur in 5.7 million wake-ups of a test; as a precaution this timer wakes the
    // thread, so that it handles pending events.
    const heartbeat = setInterval(() => {}, 500);
    return noted(
      cutter.run(onTicket, onFailure).finally(() => {
        clearInterval(heartbeat);
        Atomics.store(held, slot, 0);
      }),
    );
  },
  /** Serves one ticket again, with its own image or a substitute. */
  serve(ticket: number, substitute: number): Promise<void> {
    return noted(cutter.serve(ticket, substitute));
  },
  /** The name, index and count of a ticket's image: see `PatchCutter.describe`. */
  describe(ticket: number): ReturnType<PatchCutter["describe"]> {
    return cutter.describe(ticket);
  },
  async idle() {
    await Promise.allSettled(pending);
  },
};

Comlink.expose(calls);
