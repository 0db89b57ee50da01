/**
 * Atomic file writes: a file is written under a temporary name, then renamed. The only
 * place where that is done.
 *
 * @module
 */
import { EmpSslError, type ErrorCode, messageOf } from "./errors.ts";
import { removeIfPossible, writeAllSync } from "./files.ts";

/** Bytes, a text, or a function that writes to the path that it gets. */
export type AtomicContent =
  | string
  | Uint8Array
  | ((temporary: string) => void);

/** How a file is written. */
export interface AtomicOptions {
  /**
   * Whether the file and its folder are flushed to the disk (`fsync`), so that the file
   * survives a loss of power. True by default.
   */
  durable?: boolean;
  /** What the user can do if the write fails, besides making room. */
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
    // Not every system can open a folder.
  }
}

/** The error of a failed write, with its cause and a remedy. */
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
 * Writes a file completely or not at all. An existing file of that name is replaced
 * atomically. If the write fails, the existing file stays unchanged and the temporary
 * file is removed.
 *
 * @throws {EmpSslError} With the code in `options`: a full disk, a missing folder, no
 * permission.
 *
 * @example A write that fails
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
  // A unique name: two programs may write the same file at the same time.
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
