/**
 * A run's folder on disk (`config.json`, `metrics.jsonl`, checkpoints), locked by the
 * process that writes to it.
 *
 * @module
 */
import { errorMaker, messageOf } from "../common/errors.ts";
import { isFileIndex } from "../data/file_index.ts";
import { existsSync, removeIfPossible, trimSlashes } from "../common/files.ts";
import { CHECKPOINT_FILE, checkpointNotFound, MANIFEST } from "./manifest.ts";

const folderError = errorMaker("write a run to", "INVALID_ARGUMENT");

/** Temporary files of interrupted writes: see `atomic_file.ts`. */
const LEFTOVER =
  /^(config\.json|metrics\.jsonl|images\.txt)\.[0-9a-f]{8}\.tmp$/;

/** The files of a run before its first checkpoint. */
const UNSAVED =
  /^(run\.lock|config\.json|metrics\.jsonl|images\.txt|tensorboard)$|\.tmp$/;

/**
 * Takes the exclusive lock of a run's folder.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` if the folder cannot be written, or another
 * process holds the lock.
 */
function lockFolder(dir: string): Deno.FsFile {
  let lock: Deno.FsFile;
  try {
    Deno.mkdirSync(dir, { recursive: true });
    lock = Deno.openSync(`${dir}/run.lock`, { write: true, create: true });
    // Fails on file systems without locks.
    if (lock.tryLockSync(true)) return lock;
    lock.close();
  } catch (error) {
    throw folderError(
      dir,
      messageOf(error),
      "name another folder with --dir",
    );
  }
  throw folderError(
    dir,
    "another process is writing a run there",
    "wait for it, or name another folder with --dir",
  );
}

/**
 * Removes the folder, if it exists, of a run that ended before its first checkpoint.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` if the folder contains other files, or
 * another process holds its lock.
 */
export function removeUnsavedRun(dir: string): void {
  if (!isFolder(dir)) return;
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name);
  // With files of one step and no manifest, the first checkpoint was never completed.
  const steps = names.flatMap((name) => CHECKPOINT_FILE.exec(name)?.[1] ?? []);
  const isUnsaved = new Set(steps).size <= 1 &&
    !names.some((name) => MANIFEST.test(name));
  const other = names.find((name) =>
    !UNSAVED.test(name) && !(isUnsaved && CHECKPOINT_FILE.test(name))
  );
  if (other !== undefined) {
    throw folderError(
      dir,
      `it holds ${other}, but no usable checkpoint`,
      "move this folder away, or name another with --dir",
    );
  }
  const lock = lockFolder(dir);
  try {
    Deno.removeSync(dir, { recursive: true });
  } finally {
    lock.close();
  }
}

/** A run's folder, locked by this process. */
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
   * Creates and locks the folder of a new run, or locks that of a run to resume.
   *
   * @param path The folder.
   * @param mode Whether the run is new, or exists and is resumed.
   * @throws {EmpSslError} `INVALID_ARGUMENT` if the run is new and the folder already
   * contains one, or another process holds the lock; `NOT_FOUND` if the run should exist
   * and the folder does not.
   */
  static take(path: string, mode: "new" | "existing"): RunFolder {
    const dir = trimSlashes(path);
    if (mode === "existing" && !isFolder(dir)) {
      throw existsSync(dir)
        ? folderError(
          dir,
          "it is a file, not a run's folder",
          "name the folder, or start a run from the file with --init",
        )
        : checkpointNotFound(dir, "no such folder");
    }
    const lock = lockFolder(dir);
    const names = new Set([...Deno.readDirSync(dir)].map((e) => e.name));
    // Left by a process that was killed during a write.
    for (const name of names) {
      if (LEFTOVER.test(name)) removeIfPossible(`${dir}/${name}`);
    }
    // Also without a manifest: a checkpoint of another run would be taken for this one's.
    const holds = [...names].some((name) => CHECKPOINT_FILE.test(name)) ||
      names.has("config.json") ||
      names.has("metrics.jsonl");
    if (mode === "new" && holds) {
      lock.close();
      const isSaved = [...names].some((name) => MANIFEST.test(name));
      throw folderError(
        dir,
        isSaved
          ? "it already holds a run"
          : "it already holds a run, which ended before its first checkpoint",
        (isSaved ? "resume it with --resume" : "delete it") +
          ", or name another folder with --dir",
      );
    }
    const index = `${dir}/images.txt`;
    if (mode === "new" && existsSync(index) && !isFileIndex(index)) {
      removeIfPossible(`${dir}/run.lock`);
      lock.close();
      throw folderError(
        dir,
        "it holds images.txt, which is not a run's",
        "name another folder with --dir",
      );
    }
    return new RunFolder(dir, lock, mode === "new");
  }

  /** Unlocks the folder; removes a new folder in which no run was started. */
  [Symbol.dispose](): void {
    if (this.#isNew && !existsSync(`${this.dir}/config.json`)) {
      for (const name of ["run.lock", "images.txt"]) {
        removeIfPossible(`${this.dir}/${name}`);
      }
      // Succeeds only if the folder is empty.
      removeIfPossible(this.dir);
    }
    this.#lock.close();
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
