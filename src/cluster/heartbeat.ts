/**
 * The processes that train together, while they do. TensorFlow carries the
 * tensors; here all processes exchange heartbeats with process 0, which notices
 * a lost one and tells the others.
 *
 * @module
 */
import { messageOf } from "../errors.ts";
import { Failure } from "../failure.ts";
import type { Connection, LostPeer } from "./connection.ts";
import {
  heartbeatSeconds,
  HostedRendezvous,
  joinRendezvous,
  PeerLost,
  peerName,
  type RendezvousOptions,
  sleep,
} from "./rendezvous.ts";

/** Process 0 before the plan is made. */
export interface PeersHost<Plan> extends Disposable {
  /**
   * Waits until all processes are connected, and tells them the plan.
   *
   * @throws {EmpSslError} `PEER_LOST` where one does not connect in time, and
   * `INVALID_ARGUMENT` where one has other settings.
   */
  welcome(plan: Plan): Promise<Peers<Plan>>;
}

/**
 * The other processes of a cluster.
 *
 * @example A process that is alone has no one to wait for
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
  /** By number: process 0 is connected to all others, another to process 0. */
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
      // Before the welcome neither side has read for as long as that took.
      connection.restartSilence();
      this.#listen(task, connection);
    }
  }

  /**
   * Connects to process 0 and waits for its plan.
   *
   * @throws {EmpSslError} `PEER_LOST` where it is not reached in time or ends, and
   * `INVALID_ARGUMENT` where the settings differ.
   */
  static async join<Plan>(options: RendezvousOptions): Promise<Peers<Plan>> {
    const { connection, plan } = await joinRendezvous<Plan>(options);
    return new Peers(options, new Map([[0, connection]]), plan);
  }

  /**
   * Listens as process 0, for `welcome` to be called once the plan is made.
   *
   * @throws {EmpSslError} `INVALID_ARGUMENT` where the port cannot be had.
   */
  static host<Plan>(options: RendezvousOptions): PeersHost<Plan> {
    const rendezvous = new HostedRendezvous<Plan>(options);
    return {
      async welcome(plan) {
        const connections = await rendezvous.welcome(plan);
        return new Peers(options, connections, plan);
      },
      [Symbol.dispose]: () => rendezvous[Symbol.dispose](),
    };
  }

  async #listen(task: number, connection: Connection): Promise<void> {
    for (;;) {
      const message = await connection.next();
      if (message?.done) connection.done = true;
      else if (message?.lost !== undefined) {
        this.#fail(message.lost);
      } else if (message === undefined) {
        const peer = peerName(task, this.#options.addresses);
        if (!connection.done) this.#fail({ peer, found: "it has ended" });
        return;
      }
    }
  }

  /** Sends a heartbeat to each, and looks for those that send none. */
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

  /** Tells the other processes which one is lost. */
  #tell(lost: LostPeer): void {
    for (const other of this.#connections.values()) other.send({ lost });
  }

  /** The result of some work; rejects as soon as a process is lost. */
  guard<T>(work: Promise<T>): Promise<T> {
    return this.#failure.guard(work);
  }

  /**
   * The cause of an error: TensorFlow may notice a lost process before its
   * heartbeats are missed. The other processes are told.
   */
  async explain(error: unknown): Promise<unknown> {
    // The message about a lost process takes a moment to arrive.
    for (let i = 0; i < 30 && this.#failed === undefined; i++) {
      await sleep(100);
    }
    if (this.#failed !== undefined) return this.#failed;
    const { task, addresses } = this.#options;
    this.#tell({
      peer: peerName(task, addresses),
      found: `it ended: ${messageOf(error)}`,
    });
    await sleep(100);
    return error;
  }

  /**
   * Waits until all processes have finished: until then one of them may still
   * read from another.
   *
   * @throws {EmpSslError} `PEER_LOST` where one is lost before it has finished.
   */
  async finish(): Promise<void> {
    const connections = [...this.#connections.values()];
    const sendDone = () => {
      for (const connection of connections) connection.send({ done: true });
    };
    const isHost = this.#options.task === 0;
    // Process 0 answers once all the others have finished.
    if (!isHost) sendDone();
    const all = () => connections.every(({ done }) => done);
    while (!all() && this.#failed === undefined) await sleep(20);
    if (this.#failed !== undefined) throw this.#failed;
    this.#finished = true;
    if (isHost) sendDone();
    await sleep(50);
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#finished = true;
    clearInterval(this.#timer);
    for (const connection of this.#connections.values()) connection.close();
  }
}
