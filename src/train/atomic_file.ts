/**
 * Files that are whole or not there.
 *
 * @module
 */
import { EmpSslError, messageOf } from "../errors.ts";
import { writeAllSync } from "../files.ts";

/** Flushes a folder, so that a rename in it outlives a loss of power. */
function syncFolder(path: string): void {
  try {
    using folder = Deno.openSync(path);
    folder.syncSync();
  } catch {
    // Not every system lets a folder be opened.
  }
}

/**
 * Writes a file whole or not at all: under another name first, flushed to the
 * disk, then renamed.
 *
 * @throws {EmpSslError} `INVALID_CHECKPOINT` where it cannot be written.
 */
export function writeAtomically(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  try {
    {
      using file = Deno.openSync(temporary, {
        create: true,
        truncate: true,
        write: true,
      });
      writeAllSync(file, bytes);
      file.syncSync();
    }
    Deno.renameSync(temporary, path);
    const slash = path.lastIndexOf("/");
    syncFolder(slash < 0 ? "." : path.slice(0, slash + 1));
  } catch (error) {
    try {
      Deno.removeSync(temporary);
    } catch {
      // It may never have come to be.
    }
    throw new EmpSslError({
      action: "write",
      subject: path,
      found: messageOf(error),
      remedy: "make room or choose another --dir; earlier files are untouched",
      code: "INVALID_CHECKPOINT",
      cause: error,
    });
  }
}
