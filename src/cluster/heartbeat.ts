/**
 * Heartbeats between the processes during training. TensorFlow exchanges the tensors;
 * this module exchanges heartbeats between process 0 and all others: process 0 detects a
 * lost process and notifies the rest.
 *
 * @module
 */
import { delay } from "../deps/std.ts";
import { codeOf, type ErrorCode, messageOf } from "../common/errors.ts";
import { Failure } from "../common/failure.ts";
import type { Connection, LostPeer } from "./connection.ts";
import {
  heartbeatSeconds,
  HostedRendezvous,
  joinRendezvous,
  PeerLost,
  peerName,
  type RendezvousOptions,
} from "./rendezvous.ts";

/** Codes of errors that the loss of another process cannot cause. */
const OWN: readonly ErrorCode[] = [
  ...["NOT_FINITE", "COLLAPSED", "INVALID_ARGUMENT"] as const,
  ...["INVALID_DATA", "INVALID_CHECKPOINT", "NOT_FOUND"] as const,
];

/** Process 0 before the plan is made. */
export interface PeersHost<Plan> extends Disposable {
  /**
   * Aborted while the run is prepared, with its error as the reason, if a process that
   * connects has other settings.
   */
  readonly refused: AbortSignal;
  /**
   * Waits until all processes are connected, and sends them the plan.
   *
   * @throws {EmpSslError} `PEER_LOST` if one does not connect in time, and
   * `INVALID_ARGUMENT` if one has other settings; the signal's reason once it is
   * aborted.
   */
  welcome(plan: Plan, signal?: AbortSignal): Promise<Peers<Plan>>;
}

/**
 * The other processes of a cluster.
 *
 * @example A single process does not wait
 * ```ts
 * import { Peers } from "./heartbeat.ts";
 *
 * using host = Peers.host<{ step: number }>({
 *   addresses: ["127.0.0.1:23199"],
 *   task: 0,
 *   timeout: 5,
 *   settings: { version: "1" },
 * });
 * using peers = await host.welcome({ step: 3 });
 * console.assert(peers.plan.step === 3);
 * ```
 */
export class Peers<Plan> implements Disposable {
  /** What process 0 has decided for all. */
  readonly plan: Plan;
  #failure = new Failure();
  #failed: PeerLost | undefined;
  /** By process number: process 0 is connected to all others, these only to process 0. */
  #connections: Map<number, Connection>;
  #options: RendezvousOptions;
  #timer: ReturnType<typeof setInterval>;
  #finished = false;

  private constructor(
    options: RendezvousOptions,
    connections: Map<number, Connection>,
    plan: Plan,
  ) {
    this.plan = plan;
    this.#options = options;
    this.#connections = connections;
    this.#timer = setInterval(
      () => this.#exchange(),
      heartbeatSeconds(options.timeout) * 1000,
    );
    for (const [task, connection] of connections) {
      // Process 0 reads nothing between the hello of a process and the welcome.
      connection.restartSilence();
      this.#listen(task, connection);
    }
  }

  /**
   * Connects to process 0 and waits for its plan.
   *
   * @throws {EmpSslError} `PEER_LOST` if process 0 is not reached in time, ends, or
   * reports another lost process or different settings; the signal's reason once it is
   * aborted.
   */
  static async join<Plan>(
    options: RendezvousOptions,
    signal?: AbortSignal,
  ): Promise<Peers<Plan>> {
    const { connection, plan } = await joinRendezvous<Plan>(options, signal);
    return new Peers(options, new Map([[0, connection]]), plan);
  }

  /**
   * Listens as process 0; call `welcome` once the plan is made.
   *
   * @throws {EmpSslError} `INVALID_ARGUMENT` if the port is not available.
   */
  static host<Plan>(options: RendezvousOptions): PeersHost<Plan> {
    const rendezvous = new HostedRendezvous<Plan>(options);
    return {
      refused: rendezvous.refused,
      async welcome(plan, signal) {
        const connections = await rendezvous.welcome(plan, signal);
        return new Peers(options, connections, plan);
      },
      [Symbol.dispose]: () => rendezvous[Symbol.dispose](),
    };
  }

  async #listen(task: number, connection: Connection): Promise<void> {
    for (;;) {
      const message = await connection.next();
      if (message?.done) connection.done = true;
      else if (message?.ready) connection.ready = true;
      else if (message?.lost !== undefined) {
        this.#fail(message.lost);
      } else if (message === undefined) {
        const peer = peerName(task, this.#options.addresses);
        if (!connection.done) this.#fail({ peer, found: "it has ended" });
        return;
      }
    }
  }

  /** Sends a heartbeat to each process, and fails if one has been silent too long. */
  #exchange(): void {
    const { timeout, addresses } = this.#options;
    for (const [task, connection] of this.#connections) {
      connection.send({ heartbeat: true });
      if (connection.done || connection.silence < timeout) continue;
      const found = `it has not answered for ${timeout} s`;
      this.#fail({ peer: peerName(task, addresses), found });
    }
  }

  #fail(lost: LostPeer): void {
    if (this.#failed !== undefined || this.#finished) return;
    this.#failed = new PeerLost(lost);
    this.#tell(lost);
    this.#failure.fail(this.#failed);
  }

  /** Sends the other processes the name of the lost one. */
  #tell(lost: LostPeer): void {
    for (const other of this.#connections.values()) other.send({ lost });
  }

  /** The result of some work; rejects as soon as a process is lost. */
  guard<T>(work: Promise<T>): Promise<T> {
    return this.#failure.guard(work);
  }

  /**
   * The cause of an error: TensorFlow may notice a lost process before its heartbeats are
   * missed. If no process is reported lost within 3 seconds, or the loss of one cannot be
   * its cause, the error itself is, and the other processes are notified.
   *
   * @param signal Its reason, too, is no result of a lost process.
   */
  async explain(error: unknown, signal?: AbortSignal): Promise<unknown> {
    if (error === this.#failed) return error;
    const code = codeOf(error);
    const isStopped = signal?.aborted === true && error === signal.reason;
    const isCoded = code !== undefined && OWN.includes(code);
    const isOwn = isStopped || isCoded;
    // The message about a lost process may arrive after TensorFlow's error.
    for (let i = 0; i < 30 && !isOwn && this.#failed === undefined; i++) {
      await delay(100);
    }
    if (this.#failed !== undefined && !isOwn) return this.#failed;
    const { task, addresses } = this.#options;
    this.#tell({
      peer: peerName(task, addresses),
      ...(isStopped
        ? { found: "it was stopped", remedy: "start all processes again" }
        : { found: `it ended: ${messageOf(error)}` }),
      ...(isCoded ? { code, remedy: "do what its error says" } : {}),
    });
    await delay(100);
    return error;
  }

  /** Waits for the other processes; rejects if one is lost meanwhile. */
  async #until(isMet: () => boolean): Promise<void> {
    // Or until it is disposed of, as where the run is ended meanwhile.
    while (!isMet() && this.#failed === undefined && !this.#finished) {
      await delay(20);
    }
    if (this.#failed !== undefined) throw this.#failed;
  }

  /**
   * Waits until all processes have their data and their engine: after the plan they may
   * still search their data, for longer than TensorFlow waits for a device.
   *
   * @throws {EmpSslError} `PEER_LOST` if one is lost meanwhile.
   */
  async ready(): Promise<void> {
    await this.#all("ready");
  }

  /** Tells that this process has reached a state, and waits until all have. */
  async #all(state: "ready" | "done"): Promise<void> {
    const connections = [...this.#connections.values()];
    const tell = () => {
      for (const connection of connections) connection.send({ [state]: true });
    };
    const isHost = this.#options.task === 0;
    // Process 0 tells it only after all the others have.
    if (!isHost) tell();
    await this.#until(() => connections.every((other) => other[state]));
    if (state === "done") this.#finished = true;
    if (isHost) tell();
  }

  /**
   * Waits until all processes have finished: until then one of them may still read from
   * another.
   *
   * @throws {EmpSslError} `PEER_LOST` if one is lost before it has finished.
   */
  async finish(): Promise<void> {
    await this.#all("done");
    await delay(50);
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#finished = true;
    clearInterval(this.#timer);
    for (const connection of this.#connections.values()) connection.close();
  }
}
