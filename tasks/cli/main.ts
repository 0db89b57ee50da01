/**
 * What all tasks share: help, one-line error messages, exit codes, engine setup.
 *
 * @module
 */
import {
  type EngineChoice,
  ENGINES,
  PRECISIONS,
} from "../../src/engine/engine.ts";
import type { Variant } from "../../src/engine/setup/wheels.ts";
import type { PrepareEvent } from "../../src/data/prepare.ts";
import {
  isEmpSslError,
  messageOf,
  nameFlags,
} from "../../src/common/errors.ts";
import { setUpTensorFlow } from "../../src/engine/setup/set_up.ts";
import { exit } from "./exit.ts";
import {
  type Command,
  helpText,
  parseCommand,
  requiredFlag,
  type Values,
} from "./flags.ts";
import { asTyped } from "./program.ts";
import { endLine, Progress } from "./progress.ts";
import { listen } from "./signals.ts";

/** Milliseconds within which a program ends by itself. */
const ENDED_WITHIN = 2000;

/** Runs a task. Exit code 0: done; 2: an error of the user or the system; 1: a bug. */
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
    // A connection that a user's module holds open would keep the program alive. Later,
    // since worker threads are still ending.
    Deno.unrefTimer(setTimeout(() => exit(0), ENDED_WITHIN));
  } catch (error) {
    if (isEmpSslError(error)) {
      console.error(asTyped(messageOf(error)));
      exit(2);
    }
    if (error instanceof Deno.errors.NotCapable) {
      console.error(`Cannot continue: ${messageOf(error)}`);
      exit(2);
    }
    if (isSystemError(error)) {
      console.error(
        `Cannot continue: ${messageOf(error)}, check that the file or folder ` +
          "exists and its permissions (EMP_SSL_CACHE moves the cache, TMPDIR " +
          "the temporary files)",
      );
      exit(2);
    }
    console.error(error);
    console.error("This is a bug of ours: please report it with the command.");
    exit(1);
  }
}

/** Whether the system refused an operation: missing folder, no permission, full disk. */
function isSystemError(error: unknown): boolean {
  // Some, such as that of a read-only disk, have only a code: EROFS.
  return error instanceof Error &&
    (/^E[A-Z0-9]+$/.test(String((error as { code?: unknown }).code)) ||
      Object.values(Deno.errors).some((kind) => error instanceof kind));
}

/** Ignores errors of console output, such as a closed pipe: they must not end a run. */
function ignoreWriteErrors(): void {
  for (const name of ["log", "error"] as const) {
    const print = console[name];
    console[name] = (...args: unknown[]) => {
      endLine();
      try {
        print.apply(console, args);
      } catch {
        // The error cannot be reported anywhere.
      }
    };
  }
}

/** A path, quoted for a shell; one that begins with a hyphen would be read as a flag. */
export function quotePath(path: string): string {
  return quote(path.startsWith("-") ? `./${path}` : path);
}

/** A word, quoted for a shell if necessary. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
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
  choices: ["auto", ...PRECISIONS],
  help: "number format of convolutions and dense layers (default auto: the " +
    "faster; tf32: NVIDIA)",
};

/** `--model-path` of all tasks that read a trained network. */
export const MODEL_PATH_FLAG: Command["flags"][string] = {
  type: "text",
  value: "PATH",
  help: "a checkpoint, or a run's folder for its newest",
};

/** The value of {@linkcode MODEL_PATH_FLAG}, which those tasks need. */
export function modelPathOf(values: Values, action: string): string {
  const remedy = "name a run's folder or a checkpoint";
  return requiredFlag(values, "model-path", { action, remedy });
}

/** `--workers` of all tasks that cut patches. */
export const WORKERS_FLAG: Command["flags"][string] = {
  type: "number",
  help:
    "patch workers (default: a quarter of the cores; with a GPU all but one)",
};

/** The warnings about data that were shown. */
const told = new Set<string>();

/** Shows progress while a data set is downloaded, unpacked or searched for images. */
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
    } else if (event.type === "warning") {
      progress?.finish();
      // A series prepares the same data for each of its runs.
      if (!told.has(event.message)) {
        console.error(`Warning: ${event.message}`);
      }
      told.add(event.message);
    } else {
      const what = event.type === "unpack" ? "unpack" : "search for images";
      begin(what, 0);
      progress!.update(0, `${event.files} files`);
    }
  };
}

/**
 * Sets up TensorFlow if it is wanted and missing, and shows the progress. If any engine
 * is allowed, a failure is printed and the task continues without TensorFlow.
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
    console.error("Continuing without TensorFlow");
  }
}

async function showSetUp(variant?: Variant): Promise<void> {
  let progress: Progress | undefined;
  let shown = "";
  const controller = new AbortController(), { signal } = controller;
  const outcome = listen(controller, "removing the unfinished set-up");
  const setUp = setUpTensorFlow({ variant }, {
    signal,
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
  try {
    await setUp;
  } catch (error) {
    // Otherwise pip would go on, and its files would stay.
    if (signal.aborted && error === signal.reason) exit(outcome.code);
    throw error;
  } finally {
    outcome.stop();
    progress?.finish();
  }
  // The signal came too late for the set-up, not for what follows.
  if (signal.aborted) exit(outcome.code);
}
