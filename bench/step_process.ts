/**
 * A program that makes a training step for each line that it is sent, and
 * prints the step's seconds: ours and PyTorch's are asked in the same way.
 *
 * @module
 */

/** See the module's description. */
export class StepProcess {
  #lines: ReadableStreamDefaultReader<string>;
  #input: WritableStreamDefaultWriter<Uint8Array>;
  #child: Deno.ChildProcess;
  #rest = "";

  /** Starts it. */
  constructor(program: string, args: string[]) {
    this.#child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.#input = this.#child.stdin.getWriter();
  }

  /** Our step: bench/programs/step.ts. */
  static ours(args: string[]): StepProcess {
    const script = new URL("programs/step.ts", import.meta.url).pathname;
    return new StepProcess(Deno.execPath(), [
      ...["run", "--no-check", "--allow-read", "--allow-write"],
      ...["--allow-env", "--allow-sys", "--allow-ffi", script, ...args],
    ]);
  }

  /** PyTorch's: bench/peers/pytorch_step.py. */
  static pytorch(python: string, args: string[]): StepProcess {
    const script = new URL("peers/pytorch_step.py", import.meta.url).pathname;
    return new StepProcess(python, [script, ...args]);
  }

  /** Its next line. */
  async line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("the program under measurement ended");
      this.#rest += value;
    }
    const [line, ...rest] = this.#rest.split("\n");
    this.#rest = rest.join("\n");
    return line;
  }

  /** Makes a step; returns its seconds. */
  async step(): Promise<number> {
    await this.#input.write(new TextEncoder().encode("\n"));
    return Number(await this.line());
  }

  /** The most memory that it has held so far, in gigabytes. */
  peakGigabytes(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    return Number(/VmHWM:\s*(\d+) kB/.exec(status)![1]) * 1024 / 1e9;
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#child.kill();
    await this.#child.status;
  }
}
