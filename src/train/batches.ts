/**
 * The batches of a run, from the ring to the device: where it has a memory of its own,
 * the next one is uploaded while a step runs.
 *
 * @module
 */
import type { Trainer } from "../engine/engine.ts";
import type { Ring } from "../stream/ring.ts";
import { type BatchView, samplePatches } from "./batch_view.ts";

/** The patches of a step. */
export interface Batch {
  /** All of them; those that are uploaded are not to be read again. */
  bytes: Uint8Array;
  /** Some of them, where they are to be looked at. */
  patches: BatchView["patches"] | undefined;
}

/** How batches are taken. */
export interface BatchesOptions {
  /** Puts a batch on the device: {@linkcode Trainer.upload}. */
  upload: Trainer["upload"];
  /** Their shape, where some patches of each are to be looked at. */
  shown?: Parameters<typeof samplePatches>[1];
  /** The step before which they end. */
  end: number;
}

/** See the module's description. */
export class Batches {
  #ring: Ring;
  #options: BatchesOptions;
  #next: Promise<Batch> | undefined;

  /** From a ring. */
  constructor(ring: Ring, options: BatchesOptions) {
    this.#ring = ring;
    this.#options = options;
  }

  async #bring(step: number): Promise<Batch> {
    const { upload, shown } = this.#options;
    const bytes = await this.#ring.take(step);
    const patches = shown && samplePatches(bytes, shown);
    if (upload) {
      await upload(bytes);
      this.#ring.release(step);
    }
    return { bytes, patches };
  }

  /** The batch of a step. Take them in order. */
  async take(step: number): Promise<Batch> {
    const batch = this.#next ?? this.#bring(step);
    this.#next = undefined;
    return await batch;
  }

  /** Once a step has begun: brings the batch of the next one. */
  bringNextOf(step: number): void {
    if (!this.#options.upload || step + 1 >= this.#options.end) return;
    this.#next = this.#bring(step + 1);
    // What is wrong with it is told when it is asked for.
    this.#next.catch(() => {});
  }

  /** Once a step has ended: its memory may be filled again. */
  release(step: number): void {
    if (!this.#options.upload) this.#ring.release(step);
  }
}
