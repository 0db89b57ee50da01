/**
 * The stream of patch batches: a ring buffer and the worker pool that fills it.
 *
 * @module
 */
import { withUsage } from "../data/decoded_cache.ts";
import { checkJob } from "./check_job.ts";
import { batchBytes, jobError, ownImages, type PatchJob } from "./patch_job.ts";
import { PatchPool, type PoolOptions } from "./pool.ts";
import { defaultWorkers } from "./worker_count.ts";
import { Ring, type RingHandle } from "./ring.ts";

/**
 * The ring of a job.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where the system refuses its memory.
 */
function ringOf(
  { images, patches }: PatchJob,
  layout: { slots: number; slotBytes: number; parts: number },
): Ring {
  try {
    return Ring.create(layout);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const gigabytes = (layout.slotBytes / 1e9).toFixed(1);
    throw jobError(
      `batches of ${images} × ${patches} patches`,
      `one needs ${gigabytes} GB, and ${layout.slots} are kept`,
      "give fewer images or patches",
    );
  }
}

/** Memory limit of the ring in bytes; the ring has at least two slots. */
const RING_BYTES = 512 * 2 ** 20;

/**
 * Batches of patches: `patches × images × side × side × channels` values of 8 or 16
 * bits, as bytes.
 *
 * A training worker joins the ring by its handle. In a single thread the stream can be
 * iterated instead; each batch is valid until the next one is requested.
 *
 * @example Two batches of the embedded data set
 * ```ts
 * import { PatchStream } from "./patch_stream.ts";
 *
 * await using stream = await PatchStream.open({
 *   source: { name: "shapes", split: "train" },
 *   recipe: "cifar",
 *   patchSize: 16,
 *   images: 4,
 *   patches: 2,
 *   shuffle: true,
 *   seed: 0,
 *   firstBatch: 0,
 *   endBatch: 2,
 * }, { workers: 1 });
 * let bytes = 0;
 * for await (const batch of stream) bytes += batch.length;
 * console.assert(bytes === 2 * 4 * 2 * 16 * 16 * 3);
 * ```
 */
export class PatchStream implements AsyncIterable<Uint8Array>, AsyncDisposable {
  #ring: Ring;
  #pool: PatchPool;
  #job: PatchJob;
  #stop: () => void;
  #signal?: AbortSignal;
  /** The batch that the iterator yielded last, and the one that it yields next. */
  #batch = 0;
  #next: number;
  /** The batch whose slot the iterator holds. */
  #held?: number;

  private constructor(
    job: PatchJob,
    ring: Ring,
    pool: PatchPool,
    { signal, stop }: { signal?: AbortSignal; stop: () => void },
  ) {
    this.#stop = stop;
    this.#signal = signal;
    this.#job = job;
    this.#next = job.firstBatch;
    this.#ring = ring;
    this.#pool = pool;
  }

  /**
   * Starts the workers.
   *
   * @param wanted What to cut.
   * @param given The number of workers, by default a quarter of the cores; a signal that
   * ends the stream.
   * @throws {EmpSslError} `INVALID_ARGUMENT` for an invalid job, or a batch that does not
   * fit into memory; any error of opening the data set.
   */
  static async open(
    wanted: PatchJob,
    given: Omit<PoolOptions, "workers"> & Partial<PoolOptions> = {},
  ): Promise<PatchStream> {
    const { workers = defaultWorkers("CPU") } = given;
    const options: PoolOptions = { ...given, workers };
    options.signal?.throwIfAborted();
    checkJob(wanted);
    const job = { ...wanted, source: await withUsage(wanted.source) };
    const slotBytes = batchBytes(job);
    const fit = Math.floor(RING_BYTES / slotBytes);
    const slots = Math.max(2, Math.min(4, fit));
    const images = ownImages(job);
    const ring = ringOf(job, { slots, slotBytes, parts: images });
    ring.startAt(job.firstBatch);
    ring.startTicketsAt(job.firstBatch * images);
    const { signal } = options;
    const pool = await PatchPool.start(job, ring, options);
    if (signal?.aborted) void pool.close();
    signal?.throwIfAborted();
    // A weak reference: a longer-lived signal must not keep the stream in memory.
    const weak = new WeakRef(pool);
    const abort = () => weak.deref()?.close();
    signal?.addEventListener("abort", abort);
    const stop = () => signal?.removeEventListener("abort", abort);
    return new PatchStream(job, ring, pool, { signal, stop });
  }

  /** The handle by which a training worker takes batches. */
  get handle(): RingHandle {
    return this.#ring.handle;
  }

  /** The result of some work; rejects if the stream fails first. */
  guard<T>(work: Promise<T>): Promise<T> {
    return this.#pool.guard(work);
  }

  /**
   * The images of the batch that the iterator yielded last: their indices in the data
   * set, in batch order. A row is −1 if its image could not be read and was substituted,
   * or if it is beyond the end of the data.
   */
  get images(): Int32Array {
    const { slots, parts } = this.#ring.handle;
    const first = (this.#batch % slots) * parts;
    return this.#pool.images.slice(first, first + parts);
  }

  /** How many images failed and were replaced. */
  get skipped(): number {
    return this.#pool.skipped;
  }

  /**
   * Yields the batches in order; called again, the batches that are left. Throws the
   * reason of the signal once it is aborted.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (this.#next < this.#job.endBatch) {
      this.#release();
      const batch = this.#next;
      const bytes = await this.guard(this.#ring.take(batch)).catch((error) => {
        this.#signal?.throwIfAborted();
        throw error;
      });
      this.#batch = this.#held = batch;
      this.#next = batch + 1;
      yield bytes;
    }
    this.#release();
  }

  /** Gives the slot of the batch that was yielded last back to the workers. */
  #release(): void {
    if (this.#held !== undefined) this.#ring.release(this.#held);
    this.#held = undefined;
  }

  /**
   * Stops the workers, each after the image that it is decoding; resolves when they have
   * ended.
   */
  close(): Promise<void> {
    this.#stop();
    return this.#pool.close();
  }

  /** As {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
