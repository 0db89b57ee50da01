/**
 * A program that does a piece of work for each line that it is sent, and
 * answers with a line: ours and the peers' are asked in the same way.
 *
 * @module
 */

/** See the module's description. */
export class LineProcess {
  #lines: ReadableStreamDefaultReader<string>;
  #input: WritableStreamDefaultWriter<Uint8Array>;
  #child: Deno.ChildProcess;
  #rest = "";

  /** Starts a program of bench/programs. */
  static ours(
    script: string,
    args: string[],
    env?: Record<string, string>,
  ): LineProcess {
    const path = new URL(`programs/${script}`, import.meta.url).pathname;
    return new LineProcess(Deno.execPath(), [
      ...["run", "--no-check", "--allow-read", "--allow-write"],
      ...["--allow-env", "--allow-sys", "--allow-ffi"],
      ...["--allow-net=127.0.0.1", path, ...args],
    ], env);
  }

  /** Starts a program of bench/peers. */
  static peer(
    python: string,
    script: string,
    args: string[],
    env?: Record<string, string>,
  ): LineProcess {
    const path = new URL(`peers/${script}`, import.meta.url).pathname;
    return new LineProcess(python, [path, ...args], env);
  }

  private constructor(
    program: string,
    args: string[],
    env?: Record<string, string>,
  ) {
    this.#child = new Deno.Command(program, {
      args,
      env,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.#input = this.#child.stdin.getWriter();
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

  /** Sends a line; returns the answer. */
  async tell(line = ""): Promise<string> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    return await this.line();
  }

  /** Sends a line; returns the numbers of the answer. */
  async ask(line = ""): Promise<number[]> {
    return (await this.tell(line)).split(" ").map(Number);
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#child.kill();
    await this.#child.status;
  }
}

/**
 * Asks some programs in turn, so that what else the machine does falls on all
 * alike.
 *
 * @returns For each program its answers; the first one of each does not count.
 */
export async function inTurn(
  programs: (LineProcess | undefined)[],
  repeat: number,
  line?: string,
): Promise<number[][][]> {
  const answers: number[][][] = programs.map(() => []);
  for (let i = 0; i <= repeat; i++) {
    for (const [j, program] of programs.entries()) {
      const answer = await program?.ask(line);
      if (i > 0 && answer !== undefined) answers[j].push(answer);
    }
  }
  return answers;
}
