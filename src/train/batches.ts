/**
 * The batches of a run, from the ring to the device. On a device with its own memory,
 * such as a GPU, the next batch is uploaded while a step runs.
 *
 * @module
 */
import type { Trainer } from "../engine/engine.ts";
import type { Ring } from "../stream/ring.ts";
import { type BatchView, patchesInView } from "./batch_view.ts";

/** The patches of a step. */
export interface Batch {
  /** All patches; not to be read again after an upload, which frees the ring's slot. */
  bytes: Uint8Array;
  /** A sample of them for display, if requested. */
  patches: BatchView["patches"] | undefined;
}

/** Options of {@linkcode Batches}. */
export interface BatchesOptions {
  /** Puts a batch on the device: {@linkcode Trainer.upload}. */
  upload: Trainer["upload"];
  /** The batches' shape, if some patches of each are to be displayed. */
  shown?: Parameters<typeof patchesInView>[1];
  /** The step after the last batch's. */
  end: number;
}

/** See the module's description. */
export class Batches {
  #ring: Ring;
  #options: BatchesOptions;
  #next: Promise<Batch> | undefined;

  /** Takes batches from a ring. */
  constructor(ring: Ring, options: BatchesOptions) {
    this.#ring = ring;
    this.#options = options;
  }

  async #bring(step: number): Promise<Batch> {
    const { upload, shown } = this.#options;
    const bytes = await this.#ring.take(step);
    const patches = shown && patchesInView(bytes, shown);
    if (upload) {
      await upload(bytes);
      this.#ring.release(step);
    }
    return { bytes, patches };
  }

  /** The batch of a step. Call in the order of the steps. */
  async take(step: number): Promise<Batch> {
    const batch = this.#next ?? this.#bring(step);
    this.#next = undefined;
    return await batch;
  }

  /** Starts to upload the next step's batch; call once a step has begun. */
  prefetchAfter(step: number): void {
    if (!this.#options.upload || step + 1 >= this.#options.end) return;
    this.#next = this.#bring(step + 1);
    // A rejection surfaces when take() awaits the promise.
    this.#next.catch(() => {});
  }

  /** Frees the memory of a step's batch; call once the step has ended. */
  release(step: number): void {
    if (!this.#options.upload) this.#ring.release(step);
  }
}
