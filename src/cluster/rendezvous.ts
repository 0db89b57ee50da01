/**
 * How the processes of a cluster find each other: process 0 listens, the others
 * connect, and all settings are compared before anything is computed.
 *
 * @module
 */
import { delay } from "../deps/std.ts";
import { rendezvousAddress } from "../common/address.ts";
import { EmpSslError, messageOf } from "../common/errors.ts";
import { untilAborted } from "../common/call_options.ts";
import type { Membership } from "./membership.ts";
import {
  Connection,
  type LostPeer,
  MAX_PLAN,
  type Message,
  type SharedSettings,
} from "./connection.ts";

/** Options of a rendezvous. */
export interface RendezvousOptions extends Membership {
  /** Seconds of silence after which a process counts as lost. */
  timeout: number;
  /** The settings that must be equal in all processes. */
  settings: SharedSettings;
}

const REMEDY = {
  resume:
    "start all processes again with --resume; earlier checkpoints are kept",
  together:
    "start all processes within --peer-timeout of each other, once every " +
    "machine is set up (deno task setup) and has its data",
  host: "see the error of process 0, then start all processes again",
  numbers:
    "give each process its own --task; after a crash start all processes again",
  same: "start all processes with the same program and flags",
};

/** Seconds between two heartbeats. */
export function heartbeatSeconds(timeout: number): number {
  return Math.min(2, timeout / 5);
}

/** A process's name in messages. */
export function peerName(task: number, addresses: string[]): string {
  return `process ${task} (${addresses[task]})`;
}

/** The error of a lost process. */
export class PeerLost extends EmpSslError {
  /** What is sent to the others. */
  readonly lost: LostPeer;

  constructor(lost: LostPeer) {
    super({
      action: "continue without",
      subject: lost.peer,
      found: lost.found,
      remedy: lost.remedy ?? REMEDY.resume,
      code: lost.code ?? "PEER_LOST",
    });
    this.lost = lost;
  }
}

/** The first difference between the settings of two processes, if any. */
function differenceOf(
  theirs: SharedSettings,
  ours: SharedSettings,
): string | undefined {
  const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  for (const name of names) {
    if (ours[name] === theirs[name]) continue;
    return `it has ${name} ${theirs[name]} where process 0 has ${ours[name]}`;
  }
  return undefined;
}

/**
 * Process 0's side of the rendezvous. Process 0 listens before it prepares anything, so
 * that the others can connect while it downloads or searches its data. Until the welcome
 * it sends heartbeats; the time in which all must have connected starts only when
 * `welcome` is called.
 */
export class HostedRendezvous<Plan> implements Disposable {
  #options: RendezvousOptions;
  #listener: Deno.TcpListener;
  #connections = new Map<number, Connection>();
  #pending = new Set<Connection>();
  #complete = Promise.withResolvers<void>();
  #heartbeat: ReturnType<typeof setInterval>;
  #welcomed = false;
  #closed = false;
  #refused = new AbortController();
  /** Aborted by the error of a process that has other settings. */
  readonly refused: AbortSignal = this.#refused.signal;

  /**
   * Starts to listen.
   *
   * @throws {EmpSslError} `INVALID_ARGUMENT` if the port is not available.
   */
  constructor(options: RendezvousOptions) {
    this.#options = options;
    this.#listener = listen(options.addresses[0]!);
    // Awaited in welcome(), which may be called after the promise has rejected.
    this.#complete.promise.catch(() => {});
    this.#heartbeat = setInterval(
      () => this.#send({ heartbeat: true }),
      heartbeatSeconds(options.timeout) * 1000,
    );
    void this.#accept();
    if (this.#missing().length === 0) this.#complete.resolve();
  }

  #missing(): number[] {
    return this.#options.addresses.map((_, task) => task)
      .filter((task) => task > 0 && !this.#connections.has(task));
  }

  #send(message: Message): void {
    for (const other of this.#connections.values()) other.send(message);
  }

  #fail(error: EmpSslError, lost: LostPeer): void {
    this.#send({ lost });
    this.#complete.reject(error);
  }

  async #accept(): Promise<void> {
    for (;;) {
      try {
        const connection = new Connection(await this.#listener.accept());
        // Concurrently: a connection that sends nothing must not block the others.
        void this.#register(connection);
      } catch {
        if (this.#closed) return;
        // A client that has gone already, such as a scan of the ports.
        await delay(10);
      }
    }
  }

  async #register(connection: Connection): Promise<void> {
    this.#pending.add(connection);
    const { hello } = await connection.next() ?? {};
    if (hello === undefined) return connection.close();
    if (!this.#missing().includes(hello.task)) {
      const { addresses, settings } = this.#options;
      const peer = peerName(hello.task, addresses);
      const found = hello.task < addresses.length
        ? "a process of this number has connected already"
        : differenceOf(hello.settings, settings) ??
          "process 0 has no such number";
      // Closed at the end: closing now could lose the message.
      connection.send({ lost: { peer, found, remedy: REMEDY.numbers } });
      return;
    }
    this.#pending.delete(connection);
    this.#connections.set(hello.task, connection);
    const { addresses, settings } = this.#options;
    const found = differenceOf(hello.settings, settings);
    if (found === undefined) {
      if (this.#missing().length === 0) this.#complete.resolve();
      return;
    }
    const peer = peerName(hello.task, addresses);
    const error = new EmpSslError({
      action: "train with",
      subject: peer,
      found,
      remedy: REMEDY.same,
      code: "INVALID_ARGUMENT",
    });
    this.#fail(error, { peer, found, remedy: REMEDY.same });
    this.#refused.abort(error);
  }

  /**
   * Waits until all processes are connected and sends them the plan.
   *
   * @throws {EmpSslError} `PEER_LOST` if one does not connect in time, and
   * `INVALID_ARGUMENT` if one has other settings; the signal's reason once it is
   * aborted.
   */
  async welcome(
    plan: Plan,
    signal?: AbortSignal,
  ): Promise<Map<number, Connection>> {
    const { addresses, timeout } = this.#options;
    const timer = setTimeout(() => {
      const peer = this.#missing().map((task) => peerName(task, addresses))
        .join(", ");
      const found = `it did not connect within ${timeout} s`;
      const lost: LostPeer = { peer, found, remedy: REMEDY.together };
      this.#fail(new PeerLost(lost), lost);
    }, timeout * 1000);
    try {
      await untilAborted(this.#complete.promise, signal);
    } finally {
      clearTimeout(timer);
    }
    this.#welcomed = true;
    this.#send({ welcome: plan });
    return this.#connections;
  }

  /** Stops listening; if no plan was sent, tells the others that process 0 has ended. */
  [Symbol.dispose](): void {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.#listener.close();
    if (!this.#welcomed) {
      const peer = peerName(0, this.#options.addresses);
      const found = "it ended while it prepared the run";
      const lost: LostPeer = { peer, found, remedy: REMEDY.host };
      this.#send({ lost });
      for (const connection of this.#pending) connection.send({ lost });
      for (const connection of this.#connections.values()) connection.close();
    }
    for (const connection of this.#pending) connection.close();
  }
}

function listen(address: string): Deno.TcpListener {
  const at = rendezvousAddress(address);
  try {
    return Deno.listen(at);
  } catch (error) {
    const isElsewhere = error instanceof Deno.errors.AddrNotAvailable;
    const isTaken = error instanceof Deno.errors.AddrInUse;
    throw new EmpSslError({
      action: "wait for the other processes on",
      subject: `${at.hostname}:${at.port}`,
      found: isTaken
        ? "the port is taken"
        : isElsewhere
        ? "it is not an address of this machine"
        : messageOf(error),
      remedy: isElsewhere
        ? "give this machine's own address in --cluster, or another --task"
        : isTaken
        ? "give process 0 another port in --cluster"
        : "check the address in --cluster",
      code: "INVALID_ARGUMENT",
    });
  }
}

/** Connects to process 0 and waits for its plan. */
export async function joinRendezvous<Plan>(
  options: RendezvousOptions,
  signal?: AbortSignal,
): Promise<{ connection: Connection; plan: Plan }> {
  const { addresses, task, settings, timeout } = options;
  const host = peerName(0, addresses);
  const end = performance.now() + timeout * 1000;
  const connection = await reach(options, end, signal);
  connection.send({ hello: { task, settings } });
  // Process 0 may take long to prepare the run; meanwhile it sends heartbeats.
  const watch = setInterval(() => {
    if (connection.silence > timeout) connection.close();
  }, heartbeatSeconds(timeout) * 1000);
  try {
    const next = () => untilAborted(connection.next(), signal);
    let answer = await next();
    while (answer?.heartbeat) answer = await next();
    if (answer?.lost !== undefined) throw new PeerLost(answer.lost);
    if (answer === undefined || !("welcome" in answer)) {
      const found = "it ended while it waited for the other processes";
      throw new PeerLost({ peer: host, found, remedy: REMEDY.host });
    }
    return { connection, plan: answer.welcome as Plan };
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    clearInterval(watch);
  }
}

async function reach(
  { addresses, timeout }: RendezvousOptions,
  end: number,
  aborted?: AbortSignal,
): Promise<Connection> {
  let why = "";
  while (performance.now() < end) {
    aborted?.throwIfAborted();
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 2000);
    try {
      const { hostname, port } = rendezvousAddress(addresses[0]!);
      const signal = controller.signal;
      const found = await Deno.connect({ hostname, port, signal });
      return new Connection(found, MAX_PLAN);
    } catch (error) {
      why = messageOf(error);
      await delay(200);
    } finally {
      clearTimeout(timer);
    }
  }
  throw new PeerLost({
    peer: peerName(0, addresses),
    found: `it could not be reached within ${timeout} s (${why})`,
    remedy: REMEDY.together,
  });
}
