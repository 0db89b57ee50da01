/**
 * How the processes of a cluster find each other: process 0 listens, the others
 * connect, and all settings are compared before anything is computed.
 *
 * @module
 */
import { splitAddress } from "../address.ts";
import { EmpSslError, messageOf } from "../errors.ts";
import type { Membership } from "./membership.ts";
import {
  Connection,
  type LostPeer,
  type SharedSettings,
} from "./connection.ts";

/** What a rendezvous is held with. */
export interface RendezvousOptions<Plan> extends Membership {
  /** Seconds after which a silent process is lost. */
  timeout: number;
  /** What must be equal in all processes. */
  settings: SharedSettings;
  /** What process 0 tells the others; that of the others is ignored. */
  plan?: Plan;
}

const REMEDY = {
  resume:
    "start all processes again with --resume; the last checkpoint is kept",
  together:
    "start all processes within --peer-timeout of each other, once every " +
    "machine is set up (deno task setup) and has its data",
  same: "start all processes with the same program and flags",
};

/** The port beside TensorFlow's: 1000 higher, or lower where there is none. */
export function rendezvousAddress(
  address: string,
): { hostname: string; port: number } {
  const { hostname, port } = splitAddress(address);
  return { hostname, port: port + 1000 <= 65535 ? port + 1000 : port - 1000 };
}

/** Waits. */
export const sleep = (ms: number) =>
  new Promise((done) => setTimeout(done, ms));

/** A process, as messages name it. */
export function peerName(task: number, addresses: string[]): string {
  return `process ${task} (${addresses[task]})`;
}

/** The error of a lost process; `lost` is sent to the others. */
export class PeerLost extends EmpSslError {
  constructor(readonly lost: LostPeer) {
    super({
      action: "go on without",
      subject: lost.peer,
      found: lost.found,
      remedy: lost.remedy ?? REMEDY.resume,
      code: "PEER_LOST",
    });
  }
}

/** The first difference between two processes, if there is one. */
function differenceOf(
  theirs: SharedSettings,
  ours: SharedSettings,
): string | undefined {
  const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  for (const name of names) {
    if (ours[name] === theirs[name]) continue;
    return `it has ${name} ${theirs[name]} where process 0 has ${ours[name]}`;
  }
}

/** Process 0 waits for the others. */
export async function hostRendezvous<Plan>(
  options: RendezvousOptions<Plan>,
): Promise<Map<number, Connection>> {
  const { addresses, settings, timeout, plan } = options;
  const connections = new Map<number, Connection>();
  const missing = () =>
    addresses.map((_, task) => task).filter((t) =>
      t > 0 && !connections.has(t)
    );
  const at = rendezvousAddress(addresses[0]);
  let listener: Deno.TcpListener;
  try {
    listener = Deno.listen(at);
  } catch (error) {
    throw new EmpSslError({
      action: "wait for the other processes on",
      subject: `${at.hostname}:${at.port}`,
      found: error instanceof Deno.errors.AddrInUse
        ? "the port is taken"
        : messageOf(error),
      remedy: "give process 0 another port in --cluster",
      code: "INVALID_ARGUMENT",
    });
  }
  const complete = Promise.withResolvers<void>();
  const fail = (error: EmpSslError, lost: LostPeer) => {
    for (const connection of connections.values()) connection.send({ lost });
    complete.reject(error);
  };
  const pending = new Set<Connection>();
  const register = async (connection: Connection) => {
    pending.add(connection);
    const { hello } = await connection.next() ?? {};
    if (hello === undefined || !missing().includes(hello.task)) {
      connection.close();
      return;
    }
    pending.delete(connection);
    connections.set(hello.task, connection);
    const found = differenceOf(hello.settings, settings);
    if (found === undefined) {
      if (missing().length === 0) complete.resolve();
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
    fail(error, { peer, found, remedy: REMEDY.same });
  };
  const accept = async () => {
    // All at the same time: one that sends nothing must not block the others.
    for await (const connection of listener) {
      void register(new Connection(connection));
    }
  };
  const timer = setTimeout(() => {
    const peer = missing().map((task) => peerName(task, addresses)).join(", ");
    const found = `it did not connect within ${timeout} s`;
    const lost: LostPeer = { peer, found, remedy: REMEDY.together };
    fail(new PeerLost(lost), lost);
  }, timeout * 1000);
  try {
    if (missing().length === 0) complete.resolve();
    accept().catch(() => {});
    await complete.promise;
  } finally {
    clearTimeout(timer);
    listener.close();
    for (const connection of pending) connection.close();
  }
  for (const connection of connections.values()) {
    connection.send({ welcome: plan });
  }
  return connections;
}

/** Another process connects to process 0. */
export async function joinRendezvous<Plan>(
  options: RendezvousOptions<Plan>,
): Promise<{ connection: Connection; plan: Plan }> {
  const { addresses, task, settings, timeout } = options;
  const host = peerName(0, addresses);
  const end = performance.now() + timeout * 1000;
  const connection = await reach(options, end);
  connection.send({ hello: { task, settings } });
  // Process 0 waits as long for the others.
  const late = setTimeout(() => connection.close(), timeout * 1000 + 2000);
  try {
    const answer = await connection.next();
    if (answer?.lost !== undefined) throw new PeerLost(answer.lost);
    if (answer === undefined || !("welcome" in answer)) {
      const found = "it ended while it waited for the other processes";
      throw new PeerLost({ peer: host, found, remedy: REMEDY.together });
    }
    return { connection, plan: answer.welcome as Plan };
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

async function reach<Plan>(
  { addresses, timeout }: RendezvousOptions<Plan>,
  end: number,
): Promise<Connection> {
  let why = "";
  while (performance.now() < end) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 2000);
    try {
      const { hostname, port } = rendezvousAddress(addresses[0]);
      const signal = controller.signal;
      return new Connection(await Deno.connect({ hostname, port, signal }));
    } catch (error) {
      why = messageOf(error);
      await sleep(200);
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
