/**
 * The roll of the processes that train together. TensorFlow carries the numbers;
 * this says who is there, whether all want the same, and who was lost. Every
 * process holds a line to process 0 and says each moment that it lives.
 *
 * @module
 */
import { EmpSslError, messageOf } from "../errors.ts";
import { Failure } from "../stream/failure.ts";
import type { Membership } from "./cluster.ts";

/** What all processes must agree on, by the names that a user knows. */
export type Identity = Record<string, string>;

/** How a roll is called. */
export interface RosterOptions<News> extends Membership {
  /** Seconds after which a silent process is lost. */
  timeout: number;
  /** What must be the same in all processes. */
  identity: Identity;
  /** What process 0 tells the others; theirs is not looked at. */
  news?: News;
}

/** Who was lost, and how that was seen. */
interface Loss {
  who: string;
  found: string;
  /** What to do about it; to resume where it is not given. */
  remedy?: string;
}

const REMEDY = {
  resume:
    "start all processes again with --resume; the last checkpoint is kept",
  together:
    "start all processes within --peer-timeout of each other, once each " +
    "machine is set up (deno task setup) and has its data",
  same: "start all processes with the same program and flags",
};

/** A line of the wire: one field is set. */
interface Message {
  hello?: { task: number; identity: Identity };
  welcome?: unknown;
  beat?: true;
  lost?: Loss;
  bye?: true;
}

/** The roll has a port of its own, since TensorFlow has the other. */
export function rosterAddress(
  address: string,
): { hostname: string; port: number } {
  const colon = address.lastIndexOf(":");
  const port = Number(address.slice(colon + 1));
  return {
    hostname: address.slice(0, colon),
    port: port + 1000 <= 65535 ? port + 1000 : port - 1000,
  };
}

const encoder = new TextEncoder();

/** Longer than any message of ours, and little enough to hold. */
const LONGEST = 1 << 18;

/** A line to another process. */
class Line {
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #text: ReadableStreamDefaultReader<string>;
  #rest = "";
  #connection: Deno.TcpConn;
  #heard = performance.now();
  /** Whether it has taken leave. */
  left = false;

  constructor(connection: Deno.TcpConn) {
    connection.setNoDelay(true);
    this.#connection = connection;
    this.#writer = connection.writable.getWriter();
    this.#text = connection.readable
      .pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** Seconds since something came. */
  get silence(): number {
    return (performance.now() - this.#heard) / 1000;
  }

  /** Sends a message, if the line still holds. */
  send(message: Message): void {
    this.#writer.write(encoder.encode(JSON.stringify(message) + "\n"))
      .catch(() => {});
  }

  /** The next message; nothing where the line was closed, or is no roll. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return messageOfLine(line);
      }
      if (this.#rest.length > LONGEST) return undefined;
      const { value } = await this.#text.read()
        .catch(() => ({ value: undefined }));
      if (value === undefined) return undefined;
      this.#heard = performance.now();
      this.#rest += value;
    }
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // It was closed by the other side.
    }
  }
}

/** A message, where a line is one: anybody may have sent it. */
function messageOfLine(line: string): Message | undefined {
  try {
    const message: Message = JSON.parse(line);
    const { hello } = message;
    const isHello = hello === undefined ||
      typeof hello.task === "number" && typeof hello.identity === "object" &&
        hello.identity !== null;
    return isHello ? message : undefined;
  } catch {
    return undefined;
  }
}

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** The process, as messages name it. */
function nameOf(task: number, addresses: string[]): string {
  return `process ${task} (${addresses[task]})`;
}

/** A process that is lost; `loss` goes to the others. */
class PeerLost extends EmpSslError {
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

/**
 * The processes, all of them there.
 *
 * @example A process that is alone is at once complete
 * ```ts
 * import { Roster } from "./roster.ts";
 *
 * using roster = await Roster.join({
 *   addresses: ["127.0.0.1:23199"],
 *   task: 0,
 *   timeout: 5,
 *   identity: { version: "1" },
 *   news: { step: 3 },
 * });
 * console.assert(roster.news.step === 3);
 * ```
 */
export class Roster<News> implements Disposable {
  /** What process 0 has told. */
  readonly news: News;
  #failure = new Failure();
  #failed: PeerLost | undefined;
  /** By the number of the process: at 0 all others, else process 0 alone. */
  #lines: Map<number, Line>;
  #options: RosterOptions<News>;
  #beat: ReturnType<typeof setInterval>;
  #leaving = false;

  private constructor(
    options: RosterOptions<News>,
    lines: Map<number, Line>,
    news: News,
  ) {
    this.news = news;
    this.#options = options;
    this.#lines = lines;
    const interval = Math.min(2, options.timeout / 5);
    this.#beat = setInterval(() => this.#watch(), interval * 1000);
    for (const [task, line] of lines) this.#listen(task, line);
  }

  /**
   * Waits for all processes.
   *
   * @throws {EmpSslError} `PEER_LOST` where one does not come in time, and
   * `INVALID_ARGUMENT` where one wants something else.
   */
  static async join<News>(options: RosterOptions<News>): Promise<Roster<News>> {
    return options.task === 0
      ? await Roster.#call(options)
      : await Roster.#answer(options);
  }

  /** Process 0 waits for the others. */
  static async #call<News>(
    options: RosterOptions<News>,
  ): Promise<Roster<News>> {
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
    return new Roster(options, lines, news as News);
  }

  /** Another process reports to process 0. */
  static async #answer<News>(
    options: RosterOptions<News>,
  ): Promise<Roster<News>> {
    const { addresses, task, identity, timeout } = options;
    const chief = nameOf(0, addresses);
    const end = performance.now() + timeout * 1000;
    const line = await Roster.#reach(options, end);
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
      const lines = new Map([[0, line]]);
      return new Roster(options, lines, answer.welcome as News);
    } catch (error) {
      line.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  static async #reach<News>(
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

  async #listen(task: number, line: Line): Promise<void> {
    for (;;) {
      const message = await line.next();
      if (message?.bye) line.left = true;
      else if (message?.lost !== undefined) {
        this.#fail(message.lost);
      } else if (message === undefined) {
        const who = nameOf(task, this.#options.addresses);
        if (!line.left) this.#fail({ who, found: "it has ended" });
        return;
      }
    }
  }

  #watch(): void {
    const { timeout, addresses } = this.#options;
    for (const [task, line] of this.#lines) {
      line.send({ beat: true });
      if (line.left || line.silence < timeout) continue;
      const found = `it has not answered for ${timeout} s`;
      this.#fail({ who: nameOf(task, addresses), found });
    }
  }

  #fail(loss: Loss): void {
    if (this.#failed !== undefined || this.#leaving) return;
    this.#failed = new PeerLost(loss);
    this.#tell(loss);
    this.#failure.fail(this.#failed);
  }

  /** Tells the others why it ends. */
  #tell(lost: Loss): void {
    for (const other of this.#lines.values()) other.send({ lost });
  }

  /** What the work gives, or the loss of a process if that comes first. */
  guard<T>(work: Promise<T>): Promise<T> {
    return this.#failure.guard(work);
  }

  /**
   * The reason behind an error: where another process was lost, TensorFlow may
   * have felt it first. The others are told.
   */
  async explain(error: unknown): Promise<unknown> {
    if (this.#failed === undefined) {
      // The news of a lost process takes a moment to come.
      for (let i = 0; i < 30 && this.#failed === undefined; i++) {
        await sleep(100);
      }
    }
    if (this.#failed !== undefined) return this.#failed;
    const { task, addresses } = this.#options;
    this.#tell({
      who: nameOf(task, addresses),
      found: `it ended: ${messageOf(error)}`,
    });
    await sleep(100);
    return error;
  }

  /**
   * Waits until all processes have come to their end: until then one of them may
   * still read from another.
   *
   * @throws {EmpSslError} `PEER_LOST` where one does not come to it.
   */
  async leave(): Promise<void> {
    const lines = [...this.#lines.values()];
    const sayBye = () => lines.forEach((line) => line.send({ bye: true }));
    const isChief = this.#options.task === 0;
    // Process 0 answers when all have said it.
    if (!isChief) sayBye();
    const all = () => lines.every((line) => line.left);
    while (!all() && this.#failed === undefined) await sleep(20);
    if (this.#failed !== undefined) throw this.#failed;
    this.#leaving = true;
    if (isChief) sayBye();
    await sleep(50);
  }

  /** Closes the lines. */
  [Symbol.dispose](): void {
    this.#leaving = true;
    clearInterval(this.#beat);
    for (const line of this.#lines.values()) line.close();
  }
}
