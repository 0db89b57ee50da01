/**
 * How the roll of the processes is called, and answered.
 *
 * @module
 */
import { splitAddress } from "../engine/cluster/address.ts";
import { EmpSslError, messageOf } from "../errors.ts";
import type { Membership } from "./cluster.ts";
import { type Identity, Line, type Loss } from "./roster_line.ts";

/** How a roll is called. */
export interface RosterOptions<News> extends Membership {
  /** Seconds after which a silent process is lost. */
  timeout: number;
  /** What must be the same in all processes. */
  identity: Identity;
  /** What process 0 tells the others; theirs is not looked at. */
  news?: News;
}

const REMEDY = {
  resume:
    "start all processes again with --resume; the last checkpoint is kept",
  together:
    "start all processes within --peer-timeout of each other, once each " +
    "machine is set up (deno task setup) and has its data",
  same: "start all processes with the same program and flags",
};

/** The roll has a port of its own, since TensorFlow has the other. */
export function rosterAddress(
  address: string,
): { hostname: string; port: number } {
  const { hostname, port } = splitAddress(address);
  return { hostname, port: port + 1000 <= 65535 ? port + 1000 : port - 1000 };
}

/** Waits. */
export const sleep = (ms: number) =>
  new Promise((done) => setTimeout(done, ms));

/** The process, as messages name it. */
export function nameOf(task: number, addresses: string[]): string {
  return `process ${task} (${addresses[task]})`;
}

/** A process that is lost; `loss` goes to the others. */
export class PeerLost extends EmpSslError {
  constructor(readonly loss: Loss) {
    super({
      action: "go on without",
      subject: loss.who,
      found: loss.found,
      remedy: loss.remedy ?? REMEDY.resume,
      code: "PEER_LOST",
    });
  }
}

/** The first difference between two processes, if there is one. */
function differenceOf(
  theirs: Identity,
  ours: Identity,
): string | undefined {
  const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  for (const name of names) {
    if (ours[name] === theirs[name]) continue;
    return `it has ${name} ${theirs[name]} where process 0 has ${ours[name]}`;
  }
}

/** Process 0 waits for the others. */
export async function callRoll<News>(
  options: RosterOptions<News>,
): Promise<Map<number, Line>> {
  const { addresses, identity, timeout, news } = options;
  const lines = new Map<number, Line>();
  const missing = () =>
    addresses.map((_, task) => task).filter((t) => t > 0 && !lines.has(t));
  const at = rosterAddress(addresses[0]);
  let listener: Deno.TcpListener;
  try {
    listener = Deno.listen(at);
  } catch (error) {
    throw new EmpSslError({
      action: "call the roll on",
      subject: `${at.hostname}:${at.port}`,
      found: error instanceof Deno.errors.AddrInUse
        ? "the port is taken"
        : messageOf(error),
      remedy: "give process 0 another port in --cluster",
      code: "INVALID_ARGUMENT",
    });
  }
  const complete = Promise.withResolvers<void>();
  const end = (error: EmpSslError, loss: Loss) => {
    for (const line of lines.values()) line.send({ lost: loss });
    complete.reject(error);
  };
  const strangers = new Set<Line>();
  const greet = async (line: Line) => {
    strangers.add(line);
    const { hello } = await line.next() ?? {};
    if (hello === undefined || !missing().includes(hello.task)) {
      line.close();
      return;
    }
    strangers.delete(line);
    lines.set(hello.task, line);
    const found = differenceOf(hello.identity, identity);
    if (found === undefined) {
      if (missing().length === 0) complete.resolve();
      return;
    }
    const who = nameOf(hello.task, addresses);
    const error = new EmpSslError({
      action: "train with",
      subject: who,
      found,
      remedy: REMEDY.same,
      code: "INVALID_ARGUMENT",
    });
    end(error, { who, found, remedy: REMEDY.same });
  };
  const accept = async () => {
    // Each at once: one that says nothing must not keep the others out.
    for await (const connection of listener) void greet(new Line(connection));
  };
  const timer = setTimeout(() => {
    const who = missing().map((task) => nameOf(task, addresses)).join(", ");
    const found = `it did not come within ${timeout} s`;
    const loss: Loss = { who, found, remedy: REMEDY.together };
    end(new PeerLost(loss), loss);
  }, timeout * 1000);
  try {
    if (missing().length === 0) complete.resolve();
    accept().catch(() => {});
    await complete.promise;
  } finally {
    clearTimeout(timer);
    listener.close();
    for (const line of strangers) line.close();
  }
  for (const line of lines.values()) line.send({ welcome: news });
  return lines;
}

/** Another process reports to process 0. */
export async function answerRoll<News>(
  options: RosterOptions<News>,
): Promise<{ line: Line; news: News }> {
  const { addresses, task, identity, timeout } = options;
  const chief = nameOf(0, addresses);
  const end = performance.now() + timeout * 1000;
  const line = await reach(options, end);
  line.send({ hello: { task, identity } });
  // Process 0 waits as long for the others.
  const late = setTimeout(() => line.close(), timeout * 1000 + 2000);
  try {
    const answer = await line.next();
    if (answer?.lost !== undefined) throw new PeerLost(answer.lost);
    if (answer === undefined || !("welcome" in answer)) {
      const found = "it ended while it waited for all processes";
      throw new PeerLost({ who: chief, found, remedy: REMEDY.together });
    }
    return { line, news: answer.welcome as News };
  } catch (error) {
    line.close();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

async function reach<News>(
  { addresses, timeout }: RosterOptions<News>,
  end: number,
): Promise<Line> {
  let why = "";
  while (performance.now() < end) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 2000);
    try {
      const { hostname, port } = rosterAddress(addresses[0]);
      const signal = controller.signal;
      return new Line(await Deno.connect({ hostname, port, signal }));
    } catch (error) {
      why = messageOf(error);
      await sleep(200);
    } finally {
      clearTimeout(timer);
    }
  }
  throw new PeerLost({
    who: nameOf(0, addresses),
    found: `it could not be reached within ${timeout} s (${why})`,
    remedy: REMEDY.together,
  });
}
