/**
 * pip, the only program that a set-up runs.
 *
 * @module
 */
import { EmpSslError } from "../../common/errors.ts";

/** The error of a set-up that failed. */
export function setupError(
  subject: string,
  found: string,
  remedy: string,
  cause?: unknown,
): EmpSslError {
  return new EmpSslError({
    action: "set up",
    subject,
    found,
    remedy,
    code: "SETUP_FAILED",
    cause,
  });
}

/** The result of a program. */
export interface Output {
  success: boolean;
  text: string;
}

/**
 * Variables of the dynamic linker, emptied. While one is set, Deno starts no program if
 * `--allow-run` names some, since it could run other code in them.
 */
function withoutLinker(): Record<string, string> {
  const names = Object.keys(Deno.env.toObject());
  const ofLinker = names.filter((name) => /^(LD|DYLD)_/.test(name));
  return Object.fromEntries(ofLinker.map((name) => [name, ""]));
}

/** Runs a program; `undefined` if there is no such program. */
export async function runProgram(
  program: string,
  args: string[],
  env: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Output | undefined> {
  // Async: Deno throws at once where a program is not allowed.
  const run = async (env: Record<string, string>) =>
    await new Deno.Command(program, {
      ...{ args, env, signal },
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).output();
  try {
    const { success, stdout, stderr } = await run(env).catch((error) => {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      return run({ ...withoutLinker(), ...env });
    });
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { success, text: decode(stderr) + decode(stdout) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The last line of a program's output with «error» in it, else its last line. */
export function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim()).filter((l) => l);
  return (lines.findLast((l) => /error/i.test(l)) ?? lines.at(-1) ??
    "no output")
    .slice(0, 300);
}

/** Checks that pip is installed, before anything is downloaded. */
export async function checkPip(): Promise<void> {
  const python = await runProgram("python3", ["--version"]);
  if (!python?.success) {
    throw setupError(
      "TensorFlow",
      "there is no python3, whose pip downloads the wheel",
      "install Python 3 with pip (Debian: apt install python3-pip)",
    );
  }
  const pip = await runProgram("python3", ["-m", "pip", "--version"]);
  if (!pip?.success) {
    throw setupError(
      "TensorFlow",
      "python3 has no pip",
      "install it (Debian: apt install python3-pip)",
    );
  }
}
