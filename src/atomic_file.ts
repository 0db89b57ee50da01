/**
 * Files that are complete or do not exist: written under a temporary name, then
 * renamed. The only place where that is done.
 *
 * @module
 */
import { EmpSslError, type ErrorCode, messageOf } from "./errors.ts";
import { removeIfPossible, writeAllSync } from "./files.ts";

/** Bytes, a text, or what a function writes to a path that it is given. */
export type AtomicContent =
  | string
  | Uint8Array
  | ((temporary: string) => void);

/** How a file is written. */
export interface AtomicOptions {
  /**
   * Whether it survives a loss of power: it is flushed to the disk, and so is
   * the folder. True by default.
   */
  durable?: boolean;
  /** What the user can do where it cannot be written, besides making room. */
  remedy?: string;
  /** The code of the error. */
  code?: ErrorCode;
}

/** Flushes a folder, so that a rename in it survives a loss of power. */
function syncFolder(path: string): void {
  try {
    using folder = Deno.openSync(path);
    folder.syncSync();
  } catch {
    // Not every system lets a folder be opened.
  }
}

/** Says why a file cannot be written, and what to do about that. */
export function writeError(
  path: string,
  error: unknown,
  { remedy, code = "INVALID_ARGUMENT" }: AtomicOptions = {},
): EmpSslError {
  if (error instanceof EmpSslError) return error;
  const message = messageOf(error);
  const full = /no space|os error 28|disk quota|os error 122/i.test(message);
  return new EmpSslError({
    action: "write",
    subject: path,
    found: full ? "the disk is full" : message,
    remedy: full
      ? `make room on it${remedy ? `, or ${remedy}` : ""}`
      : remedy ?? "check the folder and its permissions",
    code,
    cause: error,
  });
}

/**
 * Writes a file whole or not at all. A file of that name is replaced at once;
 * where the new one cannot be written it stays as it was, and nothing temporary
 * is left.
 *
 * @throws {EmpSslError} With the code of the options: a full disk, a missing
 * folder, no permission.
 *
 * @example A reader never sees half of it
 * ```ts
 * import { writeAtomically } from "./atomic_file.ts";
 *
 * const write = () => writeAtomically("/none/a.txt", new Uint8Array(1));
 * let message = "";
 * try {
 *   write();
 * } catch (error) {
 *   message = (error as Error).message;
 * }
 * console.assert(message.startsWith("Cannot write /none/a.txt: "));
 * ```
 */
export function writeAtomically(
  path: string,
  content: AtomicContent,
  options: AtomicOptions = {},
): void {
  const { durable = true } = options;
  // A name of its own: two programs may write the same file.
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    if (typeof content === "function") content(temporary);
    else {
      using file = Deno.openSync(temporary, { createNew: true, write: true });
      const bytes = typeof content === "string"
        ? new TextEncoder().encode(content)
        : content;
      writeAllSync(file, bytes);
    }
    if (durable) {
      using file = Deno.openSync(temporary, { read: true, write: true });
      file.syncSync();
    }
    Deno.renameSync(temporary, path);
    const slash = path.lastIndexOf("/");
    if (durable) syncFolder(slash < 0 ? "." : path.slice(0, slash + 1));
  } catch (error) {
    removeIfPossible(temporary);
    throw writeError(path, error, options);
  }
}
