/**
 * A run's folder on disk (`config.json`, `metrics.jsonl`, checkpoints), locked for
 * the process that writes it.
 *
 * @module
 */
import { errorMaker, messageOf } from "../errors.ts";
import { removeIfPossible, trimSlashes } from "../files.ts";
import { checkpointNotFound } from "./manifest.ts";

const folderError = errorMaker("write a run to", "INVALID_ARGUMENT");

/** What an interrupted write of a run's file has left: see `atomic_file.ts`. */
const LEFTOVER =
  /^(config\.json|metrics\.jsonl|images\.txt)\.[0-9a-f]{8}\.tmp$/;

/** What a run has before its first checkpoint. */
const UNSAVED =
  /^(run\.lock|config\.json|metrics\.jsonl|images\.txt|tensorboard)$|\.tmp$/;

/**
 * Opens the lock of a run's folder, for this process alone.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it cannot be written, or another
 * process holds it.
 */
function lockFolder(dir: string): Deno.FsFile {
  let lock: Deno.FsFile;
  try {
    Deno.mkdirSync(dir, { recursive: true });
    lock = Deno.openSync(`${dir}/run.lock`, { write: true, create: true });
  } catch (error) {
    throw folderError(
      dir,
      messageOf(error),
      "name another folder with --dir",
    );
  }
  if (lock.tryLockSync(true)) return lock;
  lock.close();
  throw folderError(
    dir,
    "another process is writing a run there",
    "wait for it, or name another folder with --dir",
  );
}

/**
 * Removes a run that was ended before its first checkpoint; where there is no folder,
 * nothing.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where the folder holds something else, or
 * another process works in it.
 */
export function removeUnsavedRun(dir: string): void {
  if (!isFolder(dir)) return;
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name);
  const other = names.find((name) => !UNSAVED.test(name));
  if (other !== undefined) {
    throw folderError(
      dir,
      `it holds ${other}, and no checkpoint that can be used`,
      "move it away, or name another folder with --dir",
    );
  }
  const lock = lockFolder(dir);
  try {
    Deno.removeSync(dir, { recursive: true });
  } finally {
    lock.close();
  }
}

/** Holds a run's folder for one process. */
export class RunFolder implements Disposable {
  /** The folder. */
  readonly dir: string;
  #lock: Deno.FsFile;
  #isNew: boolean;

  private constructor(dir: string, lock: Deno.FsFile, isNew: boolean) {
    this.#isNew = isNew;
    this.dir = dir;
    this.#lock = lock;
  }

  /**
   * Makes a folder for a new run, or opens one whose run is resumed.
   *
   * @param path The folder.
   * @param mode What it is to hold.
   * @throws {EmpSslError} `INVALID_ARGUMENT` where it holds a run and should
   * not, or another process works in it; `NOT_FOUND` where it should.
   */
  static take(path: string, mode: "new" | "existing"): RunFolder {
    const dir = trimSlashes(path);
    if (mode === "existing" && !isFolder(dir)) {
      throw checkpointNotFound(dir, "no such folder");
    }
    const lock = lockFolder(dir);
    const names = new Set([...Deno.readDirSync(dir)].map((e) => e.name));
    // Of a process that was killed while it wrote.
    for (const name of names) {
      if (LEFTOVER.test(name)) removeIfPossible(`${dir}/${name}`);
    }
    const holds = names.has("config.json") || names.has("metrics.jsonl");
    if (mode === "new" && holds) {
      lock.close();
      throw folderError(
        dir,
        "it already holds a run",
        "go on with it by --resume, or name another folder with --dir",
      );
    }
    return new RunFolder(dir, lock, mode === "new");
  }

  /** Unlocks the folder; removes a new one in which no run has begun. */
  [Symbol.dispose](): void {
    if (this.#isNew && !exists(`${this.dir}/config.json`)) {
      for (const name of ["run.lock", "images.txt"]) {
        removeIfPossible(`${this.dir}/${name}`);
      }
      // Only where it is empty.
      removeIfPossible(this.dir);
    }
    this.#lock.close();
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
