/**
 * Progress: on a terminal a bar that is redrawn, elsewhere a plain line every 15 s.
 *
 * @module
 */

/** A duration in words: `1 h 02 min`, `3 min 20 s`, `12 s`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (n: number) => String(n).padStart(2, "0");
  if (whole >= 3600) {
    return `${Math.floor(whole / 3600)} h ${
      pad(Math.floor(whole % 3600 / 60))
    } min`;
  }
  if (whole >= 60) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${whole} s`;
}

/** The width of the terminal; 80 columns if it is unknown. */
function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

/** Whether a line can be redrawn: stderr is a terminal, and not a dumb one. */
function isTerminal(): boolean {
  if (!Deno.stderr.isTerminal()) return false;
  const asked = { name: "env", variable: "TERM" } as const;
  if (Deno.permissions.querySync(asked).state !== "granted") return true;
  return Deno.env.get("TERM") !== "dumb";
}

const BAR = 20;
/** Seconds between two plain lines. */
const QUIET = 15;

/** Writes to stderr; an error, such as a closed pipe, must not end a run. */
function writeToStderr(text: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  } catch {
    // stderr is closed.
  }
}

/** The progress whose line on the terminal has no end yet. */
let open: Progress | undefined;

/** Ends the line of a progress, so that other output begins a line of its own. */
export function endLine(): void {
  open?.finish();
}

/** Shows the progress of a piece of work. */
export class Progress {
  #title: string;
  #unit?: string;
  #columns: () => number;
  #total: number;
  #terminal: boolean;
  #write: (text: string) => void;
  #begin = performance.now();
  #firstDone: number | undefined;
  #workOf = (done: number) => done;
  #shown = -Infinity;
  #drawn = false;
  /** Whether the total was reached in the last report. */
  #ended = false;

  /**
   * @param title Name of the work.
   * @param total Amount of the work; 0 if it is unknown.
   * @param terminal Whether to redraw a line; by default if stderr is a terminal.
   * @param write Writes a text.
   * @param unit Unit of `total`; if given, a rate per second is shown.
   * @param columns Returns the width of the terminal, at each redraw.
   */
  constructor(
    title: string,
    total: number,
    terminal: boolean = isTerminal(),
    write: (text: string) => void = writeToStderr,
    unit?: string,
    columns: () => number = terminalColumns,
  ) {
    this.#unit = unit;
    this.#columns = columns;
    this.#title = title;
    this.#total = total;
    this.#terminal = terminal;
    this.#write = write;
  }

  /** Estimates the remaining time by another measure of the work than its amount. */
  weighted(workOf: (done: number) => number): this {
    this.#workOf = workOf;
    return this;
  }

  /** Reports how much is done so far. */
  update(done: number, detail = ""): void {
    const now = performance.now();
    // The rate is measured from the first report on: before it is the warm-up.
    if (this.#firstDone === undefined) {
      this.#firstDone = done;
      this.#begin = now;
    }
    const reached = this.#total > 0 && done >= this.#total;
    const last = reached && !this.#ended;
    this.#ended = reached;
    const every = this.#terminal ? 100 : QUIET * 1000;
    if (!last && now - this.#shown < every) return;
    this.#shown = now;
    const seconds = (now - this.#begin) / 1000;
    if (this.#terminal) {
      this.#write(`\r\x1b[2K${this.#fit(done, seconds, detail)}`);
      this.#drawn = true;
      if (this.#write === writeToStderr) open = this;
      if (last) this.finish();
    } else this.#write(this.#line(done, seconds, detail) + "\n");
  }

  /** The line, shortened to the terminal's current width so that it does not wrap. */
  #fit(done: number, seconds: number, detail: string): string {
    // The last column stays free: some terminals wrap when it is written.
    const width = this.#columns() - 1;
    const line = this.#line(done, seconds, detail);
    if (line.length <= width) return line;
    const short = this.#line(done, seconds, detail, 0);
    return short.length <= width ? short : `${short.slice(0, width - 1)}…`;
  }

  #line(done: number, seconds: number, detail: string, bar = BAR): string {
    const parts: string[] = [];
    if (this.#total > 0) {
      const share = Math.min(1, done / this.#total);
      if (this.#terminal && bar > 0) {
        const full = Math.round(share * bar);
        parts.push("█".repeat(full) + "░".repeat(bar - full));
      }
      parts.push(`${done}/${this.#total}`);
      const moved = done - (this.#firstDone ?? done);
      if (this.#unit !== undefined && moved > 0 && seconds > 0) {
        parts.push(`${(moved / seconds).toFixed(1)} ${this.#unit}/s`);
      }
      if (moved > 0 && done < this.#total) {
        const made = this.#workOf(done) - this.#workOf(this.#firstDone!);
        const left = (this.#workOf(this.#total) - this.#workOf(done)) / made *
          seconds;
        parts.push(`${formatSeconds(left)} left`);
      }
    }
    if (detail) parts.push(detail);
    return `${this.#title} ${parts.join(" · ")}`;
  }

  /** Ends the redrawn line. */
  finish(): void {
    if (this.#drawn) this.#write("\n");
    this.#drawn = false;
  }
}
