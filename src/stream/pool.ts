/**
 * The pool of patch workers: starts them, and makes sure that every batch is completed
 * even if a worker dies or a file cannot be read.
 *
 * @module
 */
import * as Comlink from "../deps/comlink.ts";
import { atMost, untilAborted } from "../common/call_options.ts";
import { checkWorkers } from "./worker_count.ts";
import {
  codeOf,
  EmpSslError,
  isEmpSslError,
  messageOf,
} from "../common/errors.ts";
import { Failure } from "../common/failure.ts";
import type { PatchCalls } from "./patch_calls.ts";
import { imageTable, type PatchJob } from "./patch_job.ts";
import type { Ring } from "./ring.ts";

type Remote = Comlink.Remote<PatchCalls>;

interface Member {
  worker: Worker;
  remote: Remote;
  slot: number;
  /** Fails when the worker dies: a pending call to it would never settle. */
  death: Failure;
  /** Resolves to itself once the data set is open. */
  ready: Promise<Member>;
}

/** Options of a pool. */
export interface PoolOptions {
  /** How many workers. */
  workers: number;
  /** End the run at the first image that fails twice. */
  strict?: boolean;
  /**
   * Called once for each image that failed twice and is substituted, with its index.
   */
  onSkipped?: (image: string, why: string, index: number) => void;
  /**
   * The indices of images that failed earlier: they count toward the limit, and are not
   * reported again. The pool adds to the set.
   */
  failed?: Set<number>;
  /**
   * The share of the images that may fail, 0.01 where it is not
   * given. More of a small sample may.
   */
  failureLimit?: number;
  /** Ends the stream and its workers; waits then reject with its reason. */
  signal?: AbortSignal;
}

/** The share of the data set's images that may fail before the run ends. */
const FAILURE_LIMIT = 0.01;
/** How many other images are tried in place of one that fails. */
const STAND_INS = 8;
/** How many consecutive deaths of workers are followed by a restart. */
const RESTART_LIMIT = 3;
/** Deaths count as consecutive if at most this many milliseconds apart. */
const RESTART_WINDOW = 60_000;

/** Milliseconds after which a worker is ended even if it is still decoding. */
const IDLE_WITHIN = 30_000;

/**
 * Ends a worker, after the image that it is decoding: libvips reads its bytes in threads
 * of its own, and would crash the process where the worker's memory is freed first.
 */
async function end({ worker, remote, death }: Member): Promise<void> {
  // A dead worker decodes nothing.
  await atMost(IDLE_WITHIN, death.guard(remote.idle()).catch(() => {}));
  worker.terminate();
}

/** An error of a patch worker: one of this project as it is, others with a code. */
function asWorkerError(error: unknown): EmpSslError {
  return isEmpSslError(error) ? error : new EmpSslError({
    action: "cut",
    subject: "patches",
    found: messageOf(error),
    remedy: "report this with the command you ran",
    code: "WORKER_FAILED",
    cause: error,
  });
}

/** The workers of one job. */
export class PatchPool {
  #job: PatchJob;
  #ring: Ring;
  #options: PoolOptions;
  #members: Member[] = [];
  /** For each worker the ticket that it works on, plus one; shared memory. */
  #held: Int32Array;
  #restarts = 0;
  #lastDeath = 0;
  /** The indices of the images that failed. */
  #skipped: Set<number>;
  #closed = false;
  #ended?: Promise<void>;
  readonly #failure = new Failure();
  /** See `imageTable`. */
  readonly images: Int32Array;

  private constructor(job: PatchJob, ring: Ring, options: PoolOptions) {
    this.#job = job;
    this.#ring = ring;
    this.#options = options;
    this.#skipped = options.failed ?? new Set();
    this.images = imageTable(ring.handle);
    this.#held = new Int32Array(new SharedArrayBuffer(4 * options.workers));
  }

  /** Starts the workers and waits until each has opened the data set. */
  static async start(
    job: PatchJob,
    ring: Ring,
    options: PoolOptions,
  ): Promise<PatchPool> {
    checkWorkers(options.workers);
    const pool = new PatchPool(job, ring, options);
    try {
      const slots = Array.from({ length: options.workers }, (_, i) => i);
      const opened = Promise.all(slots.map((slot) => pool.#spawn(slot)));
      const members = await untilAborted(opened, options.signal);
      // One that has died since it opened has been replaced, and `#onDeath` runs the
      // other.
      members.filter((member) => pool.#members[member.slot] === member)
        .forEach((member) => pool.#run(member));
    } catch (error) {
      const ended = pool.close();
      // An abort is answered at once.
      if (options.signal?.aborted) throw error;
      await ended;
      throw asWorkerError(error);
    }
    return pool;
  }

  /** The result of some work; rejects if the pool fails first. */
  guard<T>(work: Promise<T>): Promise<T> {
    return this.#failure.guard(work);
  }

  /** How many images were replaced. */
  get skipped(): number {
    return this.#skipped.size;
  }

  async #spawn(slot: number): Promise<Member> {
    const worker = new Worker(
      new URL("../../workers/patch_worker.ts", import.meta.url),
      { type: "module", name: `patches ${slot}` },
    );
    const death = new Failure();
    const remote = Comlink.wrap<PatchCalls>(worker);
    const opened = death.guard(remote.open(
      this.#job,
      this.#ring.handle,
      this.images,
    ));
    const member: Member = {
      worker,
      remote,
      slot,
      death,
      ready: opened.then(() => member),
    };
    // Callers get the rejection; this only prevents an unhandled one.
    member.ready.catch(() => {});
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      death.fail(new Error(event.message));
      this.#onDeath(member, event.message);
    });
    this.#members[slot] = member;
    return await member.ready;
  }

  #run(member: Member): void {
    const onFailure = Comlink.proxy((ticket: number) => {
      this.#retry(ticket, member.slot);
    });
    member.remote.run(this.#held, member.slot, onFailure)
      .catch((error: unknown) => this.#fail(error));
  }

  /**
   * A worker other than that of `slot` (that one if there is no other), as soon as it
   * has opened the data set.
   */
  async #another(slot: number): Promise<Member> {
    const { length } = this.#members;
    for (let next = 1; next < length; next++) {
      try {
        return await this.#members[(slot + next) % length]!.ready;
      } catch {
        // This worker has died: try the next.
      }
    }
    return await this.#members[slot]!.ready;
  }

  /** Lets a member serve a ticket; also rejects if the member dies. */
  async #serve(member: Member, ticket: number, substitute: number) {
    await member.death.guard(member.remote.serve(ticket, substitute));
  }

  /** Serves a ticket again in another worker; if that fails, substitutes the image. */
  async #retry(ticket: number, slot: number): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#serve(await this.#another(slot), ticket, 0);
    } catch (error) {
      if (this.#closed) return;
      // No image could be decoded.
      if (codeOf(error) === "ENGINE_UNAVAILABLE") this.#fail(error);
      else await this.#substitute(ticket, messageOf(error));
    }
  }

  async #substitute(ticket: number, why: string): Promise<void> {
    try {
      const member = await this.#another(ticket % this.#members.length);
      const { name: image, index, count } = await member.death.guard(
        member.remote.describe(ticket),
      );
      const isNew = !this.#skipped.has(index);
      this.#skipped.add(index);
      const failed = this.#skipped.size;
      if (this.#options.strict) {
        throw new EmpSslError({
          action: "continue without",
          subject: image,
          found: `it failed twice (${why})`,
          remedy: "repair or remove it, or leave out --strict",
          code: "INVALID_DATA",
        });
      }
      const { failureLimit = FAILURE_LIMIT } = this.#options;
      if (failed > Math.max(1, failureLimit * count)) {
        throw new EmpSslError({
          action: "continue with",
          subject: this.#job.source.name,
          found: `${failed} images failed, more than ${
            100 * failureLimit
          } % of ${count}; the last is ${image} (${why})`,
          remedy: "repair or remove them, and begin anew",
          code: "INVALID_DATA",
        });
      }
      // An error of the user's callback ends the stream as it is.
      const { onSkipped = () => {} } = this.#options;
      if (isNew) this.#failure.catching(onSkipped)(image, why, index);
      for (let step = 1;; step++) {
        try {
          // A worker that died meanwhile is not asked again.
          const { length } = this.#members;
          await this.#serve(await this.#another(ticket % length), ticket, step);
          return;
        } catch (error) {
          if (step === STAND_INS || this.#closed) throw error;
        }
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Replaces a dead worker, and has its ticket served by another. */
  async #onDeath(member: Member, message: string): Promise<void> {
    if (this.#closed) return;
    const now = performance.now();
    if (now - this.#lastDeath > RESTART_WINDOW) this.#restarts = 0;
    this.#lastDeath = now;
    if (++this.#restarts > RESTART_LIMIT) {
      this.#fail(
        new EmpSslError({
          action: "keep",
          subject: "the patch workers running",
          found: `${this.#restarts} in a row died (${message})`,
          remedy: "report this with the command you ran",
          code: "WORKER_FAILED",
        }),
      );
      return;
    }
    member.worker.terminate();
    const { slot } = member;
    const ticket = Atomics.exchange(this.#held, slot, 0) - 1;
    const spawned = this.#spawn(slot), fresh = this.#members[slot]!;
    const isOpen = await spawned.then(() => true, (error: unknown) => {
      // If it has died too, its own death has put another worker in its place.
      if (this.#members[slot] === fresh) this.#fail(error);
      return false;
    });
    if (ticket >= 0) await this.#retry(ticket, slot);
    if (isOpen) this.#run(fresh);
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#failure.fail(asWorkerError(error));
    this.#ring.abort();
  }

  /** Stops the workers; resolves when they have ended. */
  close(): Promise<void> {
    this.#closed = true;
    this.#ring.abort();
    this.#ended ??= Promise.all(this.#members.map(end)).then(() => {});
    return this.#ended;
  }
}
