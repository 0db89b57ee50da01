/**
 * The rows of an interrupted embedding or evaluation, from which the same call resumes.
 * Rows are only reused up to the first whose image file has changed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { writeAtomically } from "../common/atomic_file.ts";
import type { Precision } from "../engine/engine.ts";
import { errorMaker } from "../common/errors.ts";
import { fileSize, removeIfPossible } from "../common/files.ts";

const partError = errorMaker("write rows to", "INVALID_ARGUMENT");

/** Metadata of the rows, in `<path>.json`. */
interface Note {
  /** Digest of the model and the settings that determine the rows. */
  identity: string;
  /** The number format of the rows, from which `auto` continues. */
  precision: Precision;
  /** Rows of images that could not be read. */
  skipped: number[];
}

/** Numbers of a stamp. */
const STAMP = 3;

/** A digest of the path, size and modification time of each file: three numbers. */
export type Stamps = Float64Array<ArrayBuffer>;

/** The stamps of some files; without size and time for one that cannot be accessed. */
export function stampsOf(paths: readonly string[]): Stamps {
  const stamps = new Float64Array(STAMP * paths.length);
  for (const [i, path] of paths.entries()) {
    // Data without a file for each image.
    if (path === "") continue;
    const digest = createHash("sha256").update(resolve(path)).digest();
    stamps[STAMP * i] = digest.readUIntBE(0, 6);
    try {
      const { size, mtime } = Deno.statSync(path);
      stamps[STAMP * i + 1] = size;
      stamps[STAMP * i + 2] = Number(mtime);
    } catch {
      // The error is reported when the file is read.
    }
  }
  return stamps;
}

/** The number format of the rows in a part file; undefined where there are none. */
export function keptPrecision(path: string): Precision | undefined {
  return fileSize(path) ? readNote(path)?.precision : undefined;
}

/** How a part file is opened. */
export interface PartFileOptions {
  /** Values of a row. */
  width: number;
  /** All that determines the rows, except the image files and the number format. */
  identity: unknown;
  /** The number format of the rows. */
  precision: Precision;
  /** The current stamps of the image files. */
  stamps: Stamps;
  /** Whether the rows are in half precision. */
  half?: boolean;
}

/** The rows in a file, and what identifies them. */
export class PartFile implements Disposable {
  /** The file. */
  readonly path: string;
  /** How many rows are in it. */
  readonly done: number;
  /** The rows of images that could not be read. */
  readonly skipped: number[];
  /** Whether the rows are in half precision. */
  readonly half: boolean;
  #kind: Omit<Note, "skipped">;
  #lock: Deno.FsFile;

  private constructor(
    path: string,
    { done, half }: { done: number; half: boolean },
    { skipped, ...kind }: Note,
    lock: Deno.FsFile,
  ) {
    this.path = path;
    this.done = done;
    this.half = half;
    this.skipped = skipped;
    this.#kind = kind;
    this.#lock = lock;
  }

  /**
   * Opens a file and keeps its rows up to the first whose image has changed, or begins
   * the file.
   *
   * @param path The file; its metadata and stamps are in files beside it.
   * @throws {EmpSslError} `INVALID_ARGUMENT` where another process is writing it, or it
   * has rows of another `identity` or number format.
   */
  static open(
    path: string,
    options: PartFileOptions,
  ): PartFile {
    const lock = lockOf(path);
    try {
      return PartFile.#locked(path, options, lock);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  static #locked(
    path: string,
    { width, half = false, identity, precision, stamps }: PartFileOptions,
    lock: Deno.FsFile,
  ): PartFile {
    const rowBytes = width * (half ? 2 : 4);
    const digest = createHash("sha256").update(JSON.stringify(identity))
      .digest("hex");
    const kind = { identity: digest, precision };
    const note = readNote(path);
    const whole = Math.floor((fileSize(path) ?? 0) / rowBytes);
    const isSame = note?.identity === digest && note.precision === precision;
    if (isSame && fileSize(path)) {
      const done = Math.min(whole, sameRows(readStamps(path), stamps));
      // Cut off rows of changed images before the new stamps are written.
      Deno.truncateSync(path, done * rowBytes);
      writeStamps(path, stamps);
      const skipped = note.skipped.filter((row) => row < done);
      const again = new PartFile(
        path,
        { done, half },
        { ...note, skipped },
        lock,
      );
      again.#write();
      return again;
    }
    if (note && whole > 0) {
      throw partError(
        path,
        "it holds the rows of an interrupted call with other settings",
        "give those settings, or delete it",
      );
    }
    Deno.writeFileSync(path, new Uint8Array());
    writeStamps(path, stamps);
    const fresh = new PartFile(
      path,
      { done: 0, half },
      { ...kind, skipped: [] },
      lock,
    );
    fresh.#write();
    return fresh;
  }

  #write(): void {
    const note: Note = { ...this.#kind, skipped: this.skipped };
    writeAtomically(`${this.path}.json`, JSON.stringify(note));
  }

  /** Records that a row's image could not be read. */
  skip(row: number): void {
    this.skipped.push(row);
    this.#write();
  }

  /** Removes the files, once all rows have been written to the output. */
  remove(): void {
    for (const ending of ["", ".json", ".stamps"]) {
      removeIfPossible(this.path + ending);
    }
  }

  /** Releases the lock. */
  [Symbol.dispose](): void {
    // Removed while locked: a process that opened it earlier checks that it still exists.
    removeIfPossible(`${this.path}.lock`);
    this.#lock.close();
  }
}

/** Locks a part file for this process. */
function lockOf(path: string): Deno.FsFile {
  const name = `${path}.lock`;
  const lock = Deno.openSync(name, { create: true, write: true });
  if (lock.tryLockSync(true)) {
    try {
      if (Deno.statSync(name).ino === lock.statSync().ino) return lock;
    } catch {
      // The process that held the lock has just removed it.
    }
  }
  lock.close();
  throw partError(
    path,
    "another process is writing it",
    "wait for it",
  );
}

/** How many files are unchanged before the first change. */
function sameRows(before: Stamps, now: Stamps): number {
  const length = Math.min(before.length, now.length);
  let same = 0;
  while (same < length && before[same] === now[same]) same++;
  return Math.floor(same / STAMP);
}

function writeStamps(path: string, stamps: Stamps): void {
  writeAtomically(`${path}.stamps`, new Uint8Array(stamps.buffer));
}

function readStamps(path: string): Stamps {
  try {
    const bytes = Deno.readFileSync(`${path}.stamps`);
    return new Float64Array(bytes.buffer, 0, bytes.length >> 3);
  } catch {
    return new Float64Array();
  }
}

function readNote(path: string): Note | undefined {
  try {
    const note = JSON.parse(Deno.readTextFileSync(`${path}.json`)) as Note;
    return Array.isArray(note.skipped) ? note : undefined;
  } catch {
    return undefined;
  }
}
