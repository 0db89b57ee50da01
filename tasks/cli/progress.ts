/**
 * Progress: a bar that is redrawn on a terminal, a plain line now and then
 * elsewhere.
 *
 * @module
 */

/** Seconds as people say them: `1 h 02 min`, `3 min 20 s`, `12 s`. */
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

/** The width of the terminal; 80 columns where it does not say. */
function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

const BAR = 20;
/** Seconds between two plain lines. */
const QUIET = 15;

/** A reader of stderr that has gone away ends no run. */
function writeToStderr(text: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  } catch {
    // It is closed.
  }
}

/** Shows how far a piece of work is. */
export class Progress {
  #title: string;
  #unit?: string;
  #columns: () => number;
  #total: number;
  #terminal: boolean;
  #write: (text: string) => void;
  #begin = performance.now();
  #firstDone: number | undefined;
  #shown = -Infinity;
  #drawn = false;

  /**
   * @param title What is done.
   * @param total How much there is of it; 0 where that is not known.
   * @param terminal Whether to redraw a line; by default where stderr can.
   * @param write Where to write.
   * @param unit What `total` counts, where a rate in it is to be shown.
   * @param columns The width of the terminal, asked for at each draw.
   */
  constructor(
    title: string,
    total: number,
    terminal: boolean = Deno.stderr.isTerminal(),
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

  /** Some more is done. */
  update(done: number, detail = ""): void {
    const now = performance.now();
    // The rate excludes the first piece, which includes the warm-up.
    if (this.#firstDone === undefined) {
      this.#firstDone = done;
      this.#begin = now;
    }
    const last = this.#total > 0 && done >= this.#total;
    const every = this.#terminal ? 100 : QUIET * 1000;
    if (!last && now - this.#shown < every) return;
    this.#shown = now;
    const seconds = (now - this.#begin) / 1000;
    if (this.#terminal) {
      this.#write(`\r\x1b[2K${this.#fit(done, seconds, detail)}`);
      this.#drawn = true;
      if (last) this.finish();
    } else this.#write(this.#line(done, seconds, detail) + "\n");
  }

  /** The line at the width that the terminal has now: a longer one would wrap. */
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
        const left = (this.#total - done) / moved * seconds;
        parts.push(`${formatSeconds(left)} left`);
      }
    }
    if (detail) parts.push(detail);
    return `${this.#title} ${parts.join(" · ")}`;
  }

  /** Ends the line that is being redrawn. */
  finish(): void {
    if (this.#drawn) this.#write("\n");
    this.#drawn = false;
  }
}
