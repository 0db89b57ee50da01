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
    let lock: Deno.FsFile;
    if (mode === "existing" && !isFolder(dir)) {
      throw checkpointNotFound(dir, "no such folder");
    }
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
    if (!lock.tryLockSync(true)) {
      lock.close();
      throw folderError(
        dir,
        "another process is writing a run there",
        "wait for it, or name another folder with --dir",
      );
    }
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
