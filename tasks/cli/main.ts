/**
 * What all tasks share: help, errors of one line, exit codes, the engine.
 *
 * @module
 */
import { type EngineChoice, ENGINES } from "../../src/engine/engine.ts";
import type { Variant } from "../../src/engine/setup/wheels.ts";
import type { PrepareEvent } from "../../src/data/prepare.ts";
import { isEmpSslError, messageOf, nameFlags } from "../../src/errors.ts";
import { setUpTensorFlow } from "../../src/engine/setup/set_up.ts";
import { type Command, helpText, parseCommand, type Values } from "./flags.ts";
import { asTyped } from "./program.ts";
import { Progress } from "./progress.ts";

/** Runs a task: exit code 0, 2 for a mistake of the user's, 1 for a bug. */
export async function main(
  command: Command,
  run: (values: Values, rest: string[]) => Promise<void>,
  args: string[] = Deno.args,
): Promise<void> {
  ignoreWriteErrors();
  nameFlags();
  try {
    const { values, rest } = parseCommand(args, command);
    if (values.help) console.log(asTyped(helpText(command)));
    else await run(values, rest);
  } catch (error) {
    if (isEmpSslError(error)) {
      console.error(asTyped(messageOf(error)));
      exit(2);
    }
    if (isSystemError(error)) {
      console.error(
        `Cannot go on: ${messageOf(error)}, check that the file or folder is ` +
          "there and yours to use (EMP_SSL_CACHE moves the cache, TMPDIR the " +
          "temporary files)",
      );
      exit(2);
    }
    console.error(error);
    console.error("This is a bug of ours: please report it with the command.");
    exit(1);
  }
}

/** What the system refuses: a folder that is gone, no permission, a full disk. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error &&
    Object.values(Deno.errors).some((kind) => error instanceof kind);
}

/** No run ends because its output cannot be written: a full disk, a closed pipe. */
function ignoreWriteErrors(): void {
  for (const name of ["log", "error"] as const) {
    const print = console[name];
    console[name] = (...args: unknown[]) => {
      try {
        print.apply(console, args);
      } catch {
        // There is nowhere to say so.
      }
    };
  }
}

/** A word as a shell takes it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}

let isComputing = false;

/**
 * From now on TensorFlow may compute beside this thread, or wait for a process
 * that is gone: see {@linkcode exit}.
 */
export function exitWithoutCleanup(): void {
  isComputing = true;
}

/**
 * Ends the program; without any clearing up where that would take memory away
 * from under TensorFlow.
 */
export function exit(code: number): never {
  if (isComputing) end(code);
  Deno.exit(code);
}

function end(code: number): void {
  const library = Deno.build.os === "darwin" ? "libSystem.dylib" : "libc.so.6";
  const exit = { parameters: ["i32"], result: "void" } as const;
  Deno.dlopen(library, { _exit: exit }).symbols._exit(code);
}

/** `--engine` of all tasks that compute. */
export const ENGINE_FLAG: Command["flags"][string] = {
  type: "text",
  choices: ["auto", ...ENGINES],
  help: "what runs the model (default auto: the best that works)",
};

/** `--precision` of all tasks that compute. */
export const PRECISION_FLAG: Command["flags"][string] = {
  type: "text",
  choices: ["auto", "fp32", "tf32", "bf16"],
  help: "number format of convolutions and dense layers (default auto: the " +
    "faster; tf32: NVIDIA)",
};

/** Shows how a data set is found, or comes from its archive. */
export function showPreparation(): (event: PrepareEvent) => void {
  let progress: Progress | undefined, shown = "";
  const begin = (what: string, total: number) => {
    if (what === shown) return;
    progress?.finish();
    progress = new Progress(what, total, undefined, undefined, "MB");
    shown = what;
  };
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  return (event) => {
    if (event.type === "download") {
      if (!shown) console.error(`Downloading ${event.url}`);
      begin("download", megabytes(event.total ?? 0));
      progress!.update(megabytes(event.bytes));
    } else {
      const what = event.type === "unpack" ? "unpack" : "search for images";
      begin(what, 0);
      progress!.update(0, `${event.files} files`);
    }
  };
}

/**
 * Sets TensorFlow up where it is wanted and not there, and shows what it does.
 * Where any engine will do and TensorFlow cannot be had, says why and goes on.
 */
export async function setUpEngine(
  { engine, variant }: { engine: EngineChoice; variant?: Variant },
): Promise<void> {
  if (engine !== "auto" && engine !== "tensorflow") return;
  try {
    await showSetUp(variant);
  } catch (error) {
    if (engine === "tensorflow" || !isEmpSslError(error)) throw error;
    console.error(messageOf(error));
    console.error("Going on without TensorFlow");
  }
}

async function showSetUp(variant?: Variant): Promise<void> {
  let progress: Progress | undefined;
  let shown = "";
  await setUpTensorFlow({ variant }, {
    onEvent({ what, bytes }) {
      if (what !== shown && bytes === undefined) {
        progress?.finish();
        console.error(`Setting up ${what}`);
        progress = new Progress(`  ${what}`, 0);
        shown = what;
      } else if (bytes !== undefined) {
        progress?.update(bytes, `${Math.round(bytes / 1e6)} MB on disk`);
      }
    },
  });
  progress?.finish();
}
