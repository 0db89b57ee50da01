/**
 * A run's folder on disk: `config.json`, `metrics.jsonl` and checkpoints.
 *
 * A checkpoint is a model, an optimiser and a manifest with their digests, which
 * is written last: whatever ends the program at whatever moment, the newest
 * checkpoint whose digests hold is whole, and is the one that is used.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { EmpSslError, errorMaker, messageOf } from "../errors.ts";
import { writeAtomically } from "../atomic_file.ts";
import { trimSlashes } from "../files.ts";

const folderError = errorMaker("write a run to", "INVALID_ARGUMENT");

/** What is known of a file in a manifest. */
interface FileDigest {
  bytes: number;
  sha256: string;
}

interface Manifest {
  step: number;
  files: Record<string, FileDigest>;
}

/** A checkpoint that was found whole. */
export interface FoundCheckpoint {
  /** The model's file. */
  path: string;
  /** The optimiser's, where there is one. */
  optimizer?: string;
  /** Steps that led to it; not known of a file alone. */
  step?: number;
  /** Newer ones that are damaged, and how. */
  damaged: string[];
}

const MANIFEST = /^checkpoint-(\d{8})\.json$/;
const PART = /^checkpoint-(\d{8})\.(json|safetensors|optimizer\.safetensors)$/;
/** What an interrupted write of a run's file has left: see `atomic_file.ts`. */
const LEFTOVER =
  /^(config\.json|metrics\.jsonl|images\.txt)\.[0-9a-f]{8}\.tmp$/;
const CHUNK = 1 << 20;
/** How checkpoints are written. */
const WRITING = {
  remedy: "choose another --dir; earlier checkpoints are kept",
  code: "INVALID_CHECKPOINT",
} as const;

/** `checkpoint-00000160`. */
function checkpointName(step: number): string {
  return `checkpoint-${String(step).padStart(8, "0")}`;
}

function digestOf(path: string): FileDigest {
  const hash = createHash("sha256");
  const chunk = new Uint8Array(CHUNK);
  let bytes = 0;
  using file = Deno.openSync(path);
  for (;;) {
    const read = file.readSync(chunk);
    if (read === null) break;
    bytes += read;
    hash.update(chunk.subarray(0, read));
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Why a checkpoint cannot be used; nothing where it is whole. */
function faultOf(dir: string, manifest: string): string | undefined {
  let files: Manifest["files"];
  try {
    ({ files } = JSON.parse(Deno.readTextFileSync(`${dir}/${manifest}`)));
    const names = Object.keys(files);
    if (names.length === 0 || names.some((name) => !PART.test(name))) {
      return `${manifest} lists no files of a checkpoint`;
    }
  } catch (error) {
    return `${manifest}: ${messageOf(error)}`;
  }
  for (const [name, wanted] of Object.entries(files)) {
    try {
      const { bytes, sha256 } = digestOf(`${dir}/${name}`);
      if (bytes !== wanted.bytes) {
        return `${name} has ${bytes} of its ${wanted.bytes} bytes`;
      }
      if (sha256 !== wanted.sha256) return `${name} has changed bytes`;
    } catch (error) {
      return `${name}: ${messageOf(error)}`;
    }
  }
}

function notFound(path: string, found: string): EmpSslError {
  return new EmpSslError({
    action: "find a checkpoint in",
    subject: path,
    found,
    remedy: "name a run's folder or a .safetensors file",
    code: "NOT_FOUND",
  });
}

/**
 * The checkpoint that a path means: the file itself, or the newest whole one of
 * a run's folder.
 *
 * @throws {EmpSslError} `NOT_FOUND`.
 */
export function findCheckpoint(path: string): FoundCheckpoint {
  let names: string[];
  try {
    if (Deno.statSync(path).isFile) return { path, damaged: [] };
    names = [...Deno.readDirSync(path)].map((entry) => entry.name);
  } catch (error) {
    throw notFound(
      path,
      error instanceof Deno.errors.NotFound
        ? "no such file or folder"
        : messageOf(error),
    );
  }
  const dir = trimSlashes(path);
  const damaged: string[] = [];
  for (const name of names.filter((n) => MANIFEST.test(n)).sort().reverse()) {
    const fault = faultOf(dir, name);
    if (fault !== undefined) {
      damaged.push(fault);
      continue;
    }
    const step = Number(MANIFEST.exec(name)![1]);
    return {
      path: `${dir}/${checkpointName(step)}.safetensors`,
      optimizer: `${dir}/${checkpointName(step)}.optimizer.safetensors`,
      step,
      damaged,
    };
  }
  throw notFound(
    path,
    damaged.length > 0
      ? `all are damaged (${damaged.join("; ")})`
      : "there is no checkpoint in it",
  );
}

/**
 * Writes a checkpoint and removes what is older than the `keep` newest.
 *
 * @returns The model's file.
 */
export function saveCheckpoint(
  dir: string,
  { step, model, optimizer, keep }: {
    step: number;
    model: Uint8Array;
    optimizer: Uint8Array;
    keep: number;
  },
): string {
  const name = checkpointName(step);
  const files: Manifest["files"] = {};
  for (
    const [file, bytes] of [
      [`${name}.safetensors`, model],
      [`${name}.optimizer.safetensors`, optimizer],
    ] as const
  ) {
    writeAtomically(`${dir}/${file}`, bytes, WRITING);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    files[file] = { bytes: bytes.length, sha256 };
  }
  const manifest: Manifest = { step, files };
  writeAtomically(
    `${dir}/${name}.json`,
    new TextEncoder().encode(JSON.stringify(manifest, null, 2) + "\n"),
    WRITING,
  );
  prune(dir, keep, step);
  return `${dir}/${name}.safetensors`;
}

/** Removes old checkpoints, and what interrupted writes have left. */
function prune(dir: string, keep: number, newest: number): void {
  const names = [...Deno.readDirSync(dir)].map((entry) => entry.name);
  const steps = names.flatMap((name) => {
    const step = MANIFEST.exec(name)?.[1];
    return step === undefined || Number(step) > newest ? [] : [Number(step)];
  }).sort((a, b) => b - a);
  const kept = new Set(steps.slice(0, keep));
  const stale = names.filter((name) => {
    const step = PART.exec(name)?.[1];
    if (step === undefined) return /^checkpoint-.*\.tmp$/.test(name);
    return Number(step) <= newest && !kept.has(Number(step));
  });
  // The manifest goes first: without it the rest counts for nothing.
  stale.sort((a, b) =>
    Number(b.endsWith(".json")) - Number(a.endsWith(".json"))
  );
  for (const name of stale) {
    try {
      Deno.removeSync(`${dir}/${name}`);
    } catch {
      // It is only in the way.
    }
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
    let lock: Deno.FsFile;
    if (mode === "existing" && !isFolder(dir)) {
      throw notFound(dir, "no such folder");
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
      if (LEFTOVER.test(name)) remove(`${dir}/${name}`);
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

  /** Lets other processes have it; a new one that no run began in goes. */
  [Symbol.dispose](): void {
    if (this.#isNew && !exists(`${this.dir}/config.json`)) {
      for (const name of ["run.lock", "images.txt"]) {
        remove(`${this.dir}/${name}`);
      }
      // Only where it is empty.
      remove(this.dir);
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

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is not there, or not empty.
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
