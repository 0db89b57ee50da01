/**
 * The one error type of the project. Its `code` survives the trip between
 * threads, where Comlink keeps an error's name and message but not its class.
 *
 * @module
 */

/**
 * What kind of thing went wrong; stable, for programs to test.
 *
 * - `INVALID_ARGUMENT`: a choice; nothing was begun.
 * - `INVALID_DATA`: images or labels that are not as they must be.
 * - `NOT_FOUND`: a folder, a file, a module or a checkpoint that is not there.
 * - `ENGINE_UNAVAILABLE`: the engine is not set up, or cannot be loaded.
 * - `SETUP_FAILED`, `DOWNLOAD_FAILED`: a network or a disk; the same call goes on.
 * - `INVALID_CHECKPOINT`: a checkpoint that is damaged or of something else, or one
 *   that cannot be written.
 * - `WORKER_FAILED`: a thread died, or too many images could not be read; resume.
 * - `ABORTED`: a patch stream was ended. Calls with a signal reject with the
 *   signal's reason instead.
 * - `NOT_FINITE`, `COLLAPSED`: training diverged, or all images have one embedding;
 *   start again with a lower rate. The last checkpoint is kept.
 * - `STEP_FAILED`: the engine, such as for want of memory; resume with less at a
 *   time.
 * - `PEER_LOST`: another process of the run; resume with those that are left.
 * - `EXPORT_FAILED`: the exported network gives other features.
 */
export type ErrorCode =
  | "INVALID_ARGUMENT"
  | "INVALID_DATA"
  | "NOT_FOUND"
  | "ENGINE_UNAVAILABLE"
  | "SETUP_FAILED"
  | "DOWNLOAD_FAILED"
  | "INVALID_CHECKPOINT"
  | "WORKER_FAILED"
  | "ABORTED"
  | "NOT_FINITE"
  | "COLLAPSED"
  | "STEP_FAILED"
  | "PEER_LOST"
  | "EXPORT_FAILED";

/** The variable by which a command line tells its threads how to name choices. */
const VARIABLE = "EMP_SSL_MESSAGES", FLAGS = "flags";

let namesFlags: boolean | undefined;

/**
 * From now on the messages of this process name flags, `--num-patches`, in place of
 * options, `numPatches`: for command lines.
 */
export function nameFlags(): void {
  namesFlags = true;
  // Threads that start from now on read it; without the permission they name options.
  if (mayReadVariable()) Deno.env.set(VARIABLE, FLAGS);
}

function mayReadVariable(): boolean {
  const { state } = Deno.permissions.querySync({
    name: "env",
    variable: VARIABLE,
  });
  return state === "granted";
}

/** A message as it is shown: the flags that are written in it, or the options. */
function withNames(text: string): string {
  namesFlags ??= mayReadVariable() && Deno.env.get(VARIABLE) === FLAGS;
  if (namesFlags) return text;
  // A command in backticks stays as it is typed.
  return text.split("`").map((part, i) =>
    i % 2 === 1 && part.includes(" ") ? part : withOptions(part)
  ).join("`");
}

/** `--num-patches` as `numPatches`; Deno's own `--allow-…` are no options of ours. */
function withOptions(text: string): string {
  return text.replace(
    /(?<![\w-])--(?!allow-)(no-)?([a-z][a-z-]*[a-z])/g,
    (_, no: string | undefined, flag: string) => {
      const option = flag.replace(
        /-([a-z])/g,
        (_, letter: string) => letter.toUpperCase(),
      );
      return no === undefined ? option : `${option}: false`;
    },
  );
}

/** The fields an {@linkcode EmpSslError} is made from. */
export interface ErrorParts {
  /** What was tried, without «Cannot»: `read data set`. */
  action: string;
  /** What it was tried on: a path, a flag, a name. */
  subject: string;
  /** What was found instead. */
  found: string;
  /** What the user can do about it. */
  remedy: string;
  /** The stable code. */
  code: ErrorCode;
  /** The error behind it, if any. */
  cause?: unknown;
}

/**
 * An error that a user can act on. Its message has the form «Cannot <action>
 * <subject>: <found>, <remedy>», without a final period. A choice is written as its
 * flag, and named as the option of the library unless a command line is running.
 *
 * @example A message
 * ```ts
 * import { EmpSslError } from "./errors.ts";
 *
 * const error = new EmpSslError({
 *   action: "read",
 *   subject: "data_batch_1.bin",
 *   found: "30,000 bytes are not a whole number of 3,073-byte records",
 *   remedy: "download the file again",
 *   code: "INVALID_DATA",
 * });
 * console.assert(error.message.startsWith("Cannot read data_batch_1.bin: "));
 * ```
 */
export class EmpSslError extends Error {
  /** The stable code. */
  readonly code: ErrorCode;

  /** Puts the message together from its parts. */
  constructor(parts: ErrorParts) {
    super(
      withNames(
        `Cannot ${parts.action} ${parts.subject}: ${parts.found}, ${parts.remedy}`,
      ),
      { cause: parts.cause },
    );
    // Comlink carries `name` between threads but drops the class and `code`.
    this.name = `EmpSslError [${parts.code}]`;
    this.code = parts.code;
  }
}

/** Makes errors of one action and one code from what differs between them. */
export type ErrorMaker = (
  subject: string,
  found: string,
  remedy: string,
  cause?: unknown,
) => EmpSslError;

/**
 * A maker of the errors that a file throws.
 *
 * @example
 * ```ts
 * import { errorMaker } from "./errors.ts";
 *
 * const openError = errorMaker("open", "NOT_FOUND");
 * const error = openError("cats/", "no such folder", "check --data-dir");
 * console.assert(error.message.startsWith("Cannot open cats/: no such folder"));
 * ```
 */
export function errorMaker(action: string, code: ErrorCode): ErrorMaker {
  return (subject, found, remedy, cause) =>
    new EmpSslError({ action, subject, found, remedy, code, cause });
}

/**
 * Says whether an error is one of ours, also after it came from a worker.
 *
 * @example A user's mistake is distinguished from a bug
 * ```ts
 * import { isEmpSslError } from "./errors.ts";
 *
 * console.assert(!isEmpSslError(new TypeError("a bug")));
 * ```
 */
export function isEmpSslError(error: unknown): error is Error {
  return error instanceof Error && error.name.startsWith("EmpSslError [");
}

/** The code of an error of ours, also after it came from a worker. */
export function codeOf(error: unknown): ErrorCode | undefined {
  if (!isEmpSslError(error)) return undefined;
  return /\[(\w+)\]/.exec(error.name)?.[1] as ErrorCode;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
