/**
 * The roll of the processes that train together. TensorFlow carries the numbers;
 * this says who is there, whether all want the same, and who was lost. Every
 * process holds a line to process 0 and says each moment that it lives.
 *
 * @module
 */
import { messageOf } from "../errors.ts";
import { Failure } from "../stream/failure.ts";
import {
  answerRoll,
  callRoll,
  nameOf,
  PeerLost,
  type RosterOptions,
  sleep,
} from "./roll_call.ts";
import type { Line, Loss } from "./roster_line.ts";

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
    if (options.task === 0) {
      const lines = await callRoll(options);
      return new Roster(options, lines, options.news as News);
    }
    const { line, news } = await answerRoll(options);
    return new Roster(options, new Map([[0, line]]), news);
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
