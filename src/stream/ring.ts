/**
 * A ring buffer of batches in shared memory: several producers fill the parts of a
 * batch, one consumer takes whole batches in order, without copying and without polling
 * (except for a slow timer). Independent of images.
 *
 * Batch k lives in slot k mod S. A slot's sequence number is 2g while the
 * g-th batch of the slot is being filled, 2g + 1 when it is full, and 2(g + 1)
 * once the consumer has released it.
 *
 * @module
 */
import { EmpSslError } from "../common/errors.ts";

/** What another thread needs to use the same ring. */
export interface RingHandle {
  /** Control words and slots. */
  memory: SharedArrayBuffer;
  /** Where the first slot begins. */
  first: number;
  /** How many batches fit. */
  slots: number;
  /** Bytes of a batch. */
  slotBytes: number;
  /** How many `complete` calls make a batch full. */
  parts: number;
}

const ABORTED = 0;
const TICKET = 1;
const FIRST_SLOT = 2;
/** Milliseconds after which a waiting thread checks the value itself. */
const LOOK_AGAIN = 500;
/** TensorFlow uses aligned memory in place and copies unaligned memory. */
const ALIGNMENT = 64;

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/**
 * Bytes from the start of some memory to its first aligned address; 0 without
 * `--allow-ffi`, where Deno does not tell addresses and TensorFlow cannot be used.
 */
function toAlignedAddress(memory: SharedArrayBuffer): number {
  const { state } = Deno.permissions.querySync({ name: "ffi" });
  if (state !== "granted") return 0;
  const pointer = Deno.UnsafePointer.of(new Uint8Array(memory));
  const address = Number(Deno.UnsafePointer.value(pointer) % BigInt(ALIGNMENT));
  return (ALIGNMENT - address) % ALIGNMENT;
}

/**
 * One thread's view of a ring.
 *
 * @example A batch of two parts
 * ```ts
 * import { Ring } from "./ring.ts";
 *
 * const ring = Ring.create({ slots: 2, slotBytes: 4, parts: 2 });
 * (await ring.claim(0)).fill(7, 0, 2);
 * ring.complete(0);
 * (await ring.claim(0)).fill(8, 2, 4);
 * ring.complete(0);
 * const batch = await ring.take(0);
 * console.assert(batch.join() === "7,7,8,8");
 * ring.release(0);
 * ```
 */
export class Ring {
  /** What another thread needs to use this ring. */
  readonly handle: RingHandle;
  #control: Int32Array;
  #views: Uint8Array[];

  /** Joins a ring that another thread created. */
  constructor(handle: RingHandle) {
    this.handle = handle;
    const { memory, first, slots, slotBytes } = handle;
    this.#control = new Int32Array(memory, 0, FIRST_SLOT + 2 * slots);
    const stride = align(slotBytes);
    this.#views = Array.from(
      { length: slots },
      (_, i) => new Uint8Array(memory, first + i * stride, slotBytes),
    );
  }

  /** Creates a ring. */
  static create(
    { slots, slotBytes, parts }: Omit<RingHandle, "memory" | "first">,
  ): Ring {
    const control = align(4 * (FIRST_SLOT + 2 * slots));
    const bytes = control + slots * align(slotBytes);
    const memory = new SharedArrayBuffer(bytes + ALIGNMENT);
    const first = control + toAlignedAddress(memory);
    return new Ring({ memory, first, slots, slotBytes, parts });
  }

  #sequenceAt(batch: number): number {
    return FIRST_SLOT + 2 * (batch % this.handle.slots);
  }

  #turn(batch: number): number {
    return 2 * Math.floor(batch / this.handle.slots);
  }

  /** Waits until a word has reached a value; throws when the ring is aborted. */
  async #reach(at: number, wanted: number): Promise<void> {
    for (;;) {
      if (this.aborted) throw abortedError();
      const now = Atomics.load(this.#control, at);
      if (now >= wanted) return;
      const wait = Atomics.waitAsync(this.#control, at, now);
      if (!wait.async) continue;
      await this.#woken(at, now, wait.value);
    }
  }

  /**
   * Waits for a wake-up, and also checks the value at intervals: Deno's issues 14786 and
   * 15358 report lost wake-ups. The timer also keeps the thread's event loop alive, which
   * `Atomics.waitAsync` alone does not.
   */
  async #woken(at: number, before: number, wake: Promise<unknown>) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setInterval(() => {
      const changed = Atomics.load(this.#control, at) !== before;
      if (changed || this.aborted) resolve();
    }, LOOK_AGAIN);
    try {
      await Promise.race([wake, promise]);
    } finally {
      clearInterval(timer);
    }
  }

  /** The next ticket of a counter that all threads share. */
  nextTicket(): number {
    return Atomics.add(this.#control, TICKET, 1);
  }

  /** Sets the shared counter, before the producers start. */
  startTicketsAt(ticket: number): void {
    Atomics.store(this.#control, TICKET, ticket);
  }

  /**
   * For a producer: waits until the slot of a batch is free for it.
   *
   * @returns The bytes of the whole batch; write only your part.
   * @throws {EmpSslError} `ABORTED`.
   */
  async claim(batch: number): Promise<Uint8Array> {
    await this.#reach(this.#sequenceAt(batch), this.#turn(batch));
    return this.#views[batch % this.handle.slots]!;
  }

  /** For a producer: one more part of the batch is written. */
  complete(batch: number): void {
    const at = this.#sequenceAt(batch);
    const done = Atomics.add(this.#control, at + 1, 1) + 1;
    if (done === this.handle.parts) this.#advance(at, this.#turn(batch) + 1);
  }

  /**
   * For the consumer: waits until a batch is full. Take batches in order.
   *
   * @returns Its bytes, valid until {@linkcode Ring.release}.
   * @throws {EmpSslError} `ABORTED`.
   */
  async take(batch: number): Promise<Uint8Array> {
    await this.#reach(this.#sequenceAt(batch), this.#turn(batch) + 1);
    return this.#views[batch % this.handle.slots]!;
  }

  /** For the consumer: the slot of a batch may be filled again. */
  release(batch: number): void {
    const at = this.#sequenceAt(batch);
    Atomics.store(this.#control, at + 1, 0);
    this.#advance(at, this.#turn(batch) + 2);
  }

  /** Starts the ring at a batch other than 0, before any other use. */
  startAt(batch: number): void {
    for (let k = batch; k < batch + this.handle.slots; k++) {
      Atomics.store(this.#control, this.#sequenceAt(k), this.#turn(k));
    }
  }

  #advance(at: number, sequence: number): void {
    Atomics.store(this.#control, at, sequence);
    Atomics.notify(this.#control, at);
  }

  /** Whether the ring has been aborted. */
  get aborted(): boolean {
    return Atomics.load(this.#control, ABORTED) === 1;
  }

  /** @throws {EmpSslError} `ABORTED`. */
  throwIfAborted(): void {
    if (this.aborted) throw abortedError();
  }

  /** Ends the ring: all present and future waits throw. */
  abort(): void {
    Atomics.store(this.#control, ABORTED, 1);
    for (let slot = 0; slot < this.handle.slots; slot++) {
      Atomics.notify(this.#control, FIRST_SLOT + 2 * slot);
    }
  }
}

function abortedError(): EmpSslError {
  return new EmpSslError({
    action: "continue",
    subject: "the patch stream",
    found: "it was stopped",
    remedy: "see the error that stopped it",
    code: "ABORTED",
  });
}
