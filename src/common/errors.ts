/**
 * The one error type of the project. Its code is part of `name`: between threads
 * Comlink keeps an error's name and message, but not its class.
 *
 * @module
 */

/**
 * The kind of an error; stable, for programs to test.
 *
 * - `INVALID_ARGUMENT`: a setting is refused, or a call on what was disposed of, before
 *   any work; or an output cannot be written, such as to a full disk.
 * - `INVALID_DATA`: images or labels are wrong, or too many images cannot be read.
 * - `NOT_FOUND`: a folder, a file, a module or a checkpoint does not exist.
 * - `ENGINE_UNAVAILABLE`: the engine, or the decoder of images, is not set up or cannot
 *   be loaded.
 * - `SETUP_FAILED`, `DOWNLOAD_FAILED`: a network or disk error; repeat the call: a
 *   download continues, a set-up starts again.
 * - `INVALID_CHECKPOINT`: a checkpoint is damaged, is not one of this program or model,
 *   or cannot be written.
 * - `WORKER_FAILED`: a thread died; resume.
 * - `ABORTED`: a patch stream was ended. Calls with a signal reject with the signal's
 *   reason instead.
 * - `NOT_FINITE`, `COLLAPSED`: training diverged, or all images have the same embedding;
 *   start again with a lower learning rate (other weights of the loss, where the first
 *   step fails). Earlier checkpoints are kept.
 * - `STEP_FAILED`: the engine failed in a step, for example out of memory; start again
 *   with a smaller micro-batch or batch, or fewer patches.
 * - `PEER_LOST`: another process of the run was lost; resume with the remaining ones.
 * - `EXPORT_FAILED`: the exported network gives different features.
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

/** The environment variable by which threads learn that messages name flags. */
const VARIABLE = "EMP_SSL_MESSAGES", FLAGS = "flags";

let namesFlags: boolean | undefined;

/**
 * Makes the messages of this process name flags (`--num-patches`) instead of options
 * (`numPatches`): for command lines.
 */
export function nameFlags(): void {
  namesFlags = true;
  // Read by threads that start later; without the permission they name options.
  if (mayReadVariable()) Deno.env.set(VARIABLE, FLAGS);
}

function mayReadVariable(): boolean {
  const { state } = Deno.permissions.querySync({
    name: "env",
    variable: VARIABLE,
  });
  return state === "granted";
}

/** A message as it is shown: with its flags, or with options in place of them. */
function withNames(text: string): string {
  namesFlags ??= mayReadVariable() && Deno.env.get(VARIABLE) === FLAGS;
  if (namesFlags) return text;
  // A command in backticks keeps its flags.
  return text.split("`").map((part, i) =>
    i % 2 === 1 && part.includes(" ") ? part : withOptions(part)
  ).join("`");
}

/**
 * `--num-patches` → `numPatches`. Deno's own `--allow-…` flags, and words that only
 * contain `--` (of paths, of other programs' messages), are left as they are.
 */
function withOptions(text: string): string {
  return text.replace(
    /(?<![^\s("'«])--(?!allow-)(no-)?([a-z][a-z-]*[a-z])(?![\w=/-])/g,
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
  /** The action that failed, without «Cannot»: `read data set`. */
  action: string;
  /** The object of the action: a path, a flag, a name. */
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
 * <subject>: <found>, <remedy>», without a final period. Write settings as flags: the
 * message shows them as library options unless a command line is running.
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

  /** Joins the parts into the message. */
  constructor(parts: ErrorParts) {
    super(
      withNames(
        `Cannot ${parts.action} ${parts.subject}: ${parts.found}, ${parts.remedy}`,
      ),
      { cause: parts.cause },
    );
    this.name = `EmpSslError [${parts.code}]`;
    this.code = parts.code;
  }
}

/** Creates errors that share one action and one code. */
export type ErrorMaker = (
  subject: string,
  found: string,
  remedy: string,
  cause?: unknown,
) => EmpSslError;

/**
 * Returns a function that creates errors of one action and one code.
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
 * Whether an error is an {@linkcode EmpSslError}.
 *
 * @example A user's mistake is distinguished from a bug
 * ```ts
 * import { isEmpSslError } from "./errors.ts";
 *
 * console.assert(!isEmpSslError(new TypeError("a bug")));
 * ```
 */
export function isEmpSslError(error: unknown): error is EmpSslError {
  return error instanceof EmpSslError;
}

/** The code of an {@linkcode EmpSslError}; undefined for other errors. */
export function codeOf(error: unknown): ErrorCode | undefined {
  return isEmpSslError(error) ? error.code : undefined;
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
