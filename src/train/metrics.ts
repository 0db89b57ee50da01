/**
 * `metrics.jsonl`: one line of JSON a step, appended as the run goes.
 *
 * @module
 */

/** Appends lines to a file. */
export class MetricsLog implements Disposable {
  #file: Deno.FsFile;

  /** Opens the file, keeping what is in it. */
  constructor(path: string) {
    this.#file = Deno.openSync(path, { create: true, append: true });
  }

  /** Appends one line. */
  write(record: object): void {
    const line = new TextEncoder().encode(JSON.stringify(record) + "\n");
    for (let at = 0; at < line.length;) {
      at += this.#file.writeSync(line.subarray(at));
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}
