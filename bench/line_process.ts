/**
 * A child process that does a piece of work for each line that it receives and answers
 * with a line. Our programs and the peers use the same protocol.
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

  /** The next line of its output. */
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

  /** Sends a line; returns the answer as text. */
  async tell(line = ""): Promise<string> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    return await this.line();
  }

  /** Sends a line; returns the numbers of the answer. */
  async ask(line = ""): Promise<number[]> {
    return (await this.tell(line)).split(" ").map(Number);
  }

  /** Kills the process. */
  async close(): Promise<void> {
    this.#child.kill();
    await this.#child.status;
  }
}

/**
 * Sends programs a line in turn, so that other load on the machine affects all alike.
 *
 * @returns The answers of each program, without its first one (a warm-up).
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
