/**
 * Locks against other processes that prepare the same folder.
 *
 * @module
 */
import { delay } from "../deps/std.ts";

/** Milliseconds between two attempts. */
const PAUSE_MS = 500;

/**
 * Locks a file for this process, which may take minutes where another one has it.
 *
 * @param onWait Called once, if another process has it.
 * @param signal Ends the wait.
 */
export async function lockFile(
  file: Deno.FsFile,
  onWait: () => void,
  signal?: AbortSignal,
): Promise<void> {
  for (let tries = 0; !await file.tryLock(true); tries++) {
    if (tries === 0) onWait();
    await delay(PAUSE_MS, { signal });
  }
}
