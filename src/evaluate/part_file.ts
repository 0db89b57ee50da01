/**
 * Rows that an interrupted embedding has left, for the same embedding to go on
 * with. Each row is bound to what its image's file was when it was computed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { writeAtomically } from "../atomic_file.ts";
import { errorMaker } from "../errors.ts";
import { removeIfPossible } from "../files.ts";
import type { KeptRows } from "./compute_features.ts";

const partError = errorMaker("embed to", "INVALID_ARGUMENT");

/** What is kept beside the rows. */
interface Note {
  /** Digest of the model, settings and paths that determine the rows. */
  identity: string;
  /** Rows of images that could not be read. */
  skipped: number[];
}

/** Size and time of the last change of each file, two numbers an image. */
export type Stamps = Float64Array<ArrayBuffer>;

/** The stamps of some files; zeros for one that cannot be looked at. */
export function stampsOf(paths: readonly string[]): Stamps {
  const stamps = new Float64Array(2 * paths.length);
  for (const [i, path] of paths.entries()) {
    try {
      const { size, mtime } = Deno.statSync(path);
      stamps[2 * i] = size;
      stamps[2 * i + 1] = Number(mtime);
    } catch {
      // Reading it will say why.
    }
  }
  return stamps;
}

/** How a part file is opened. */
export interface PartFileOptions {
  /** Bytes of a row. */
  rowBytes: number;
  /** All that makes the rows what they are, but for the files themselves. */
  identity: unknown;
  /** The files as they are now. */
  stamps: Stamps;
}

/** The rows that are in a file, and what they are of. */
export class PartFile implements KeptRows, Disposable {
  readonly path: string;
  readonly done: number;
  readonly skipped: number[];
  #identity: string;
  #lock: Deno.FsFile;

  private constructor(
    path: string,
    done: number,
    note: Note,
    lock: Deno.FsFile,
  ) {
    this.path = path;
    this.done = done;
    this.skipped = note.skipped;
    this.#identity = note.identity;
    this.#lock = lock;
  }

  /**
   * Opens the rows of a file where they are of the same work, up to the first
   * whose image has changed since; or begins the file.
   *
   * @param path The file; a note and the stamps lie beside it.
   * @throws {EmpSslError} `INVALID_ARGUMENT` where another process writes it.
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
    { rowBytes, identity, stamps }: PartFileOptions,
    lock: Deno.FsFile,
  ): PartFile {
    const digest = createHash("sha256").update(JSON.stringify(identity))
      .digest("hex");
    const note = readNote(path);
    if (note?.identity === digest) {
      const whole = Math.floor(sizeOf(path) / rowBytes);
      const done = Math.min(whole, sameRows(readStamps(path), stamps));
      // Rows of images that have changed go before their new stamps are kept.
      Deno.truncateSync(path, done * rowBytes);
      writeStamps(path, stamps);
      const skipped = note.skipped.filter((row) => row < done);
      const again = new PartFile(path, done, { ...note, skipped }, lock);
      again.#write();
      return again;
    }
    Deno.writeFileSync(path, new Uint8Array());
    writeStamps(path, stamps);
    const none = { identity: digest, skipped: [] };
    const fresh = new PartFile(path, 0, none, lock);
    fresh.#write();
    return fresh;
  }

  #write(): void {
    const note: Note = { identity: this.#identity, skipped: this.skipped };
    writeAtomically(`${this.path}.json`, JSON.stringify(note));
  }

  /** Notes that a row's image could not be read. */
  skip(row: number): void {
    this.skipped.push(row);
    this.#write();
  }

  /** All is done: it is no longer needed. */
  remove(): void {
    for (const ending of ["", ".json", ".stamps"]) {
      Deno.removeSync(this.path + ending);
    }
  }

  /** Lets other processes write it. */
  [Symbol.dispose](): void {
    // While it is locked: who opened it before looks whether it is still there.
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
      // Its owner has just removed it.
    }
  }
  lock.close();
  throw partError(
    path,
    "another process is writing it",
    "wait for it, or name another --out",
  );
}

/** How many files, from the first on, are unchanged. */
function sameRows(before: Stamps, now: Stamps): number {
  let row = 0;
  while (
    2 * row + 1 < Math.min(before.length, now.length) &&
    before[2 * row] === now[2 * row] &&
    before[2 * row + 1] === now[2 * row + 1]
  ) row++;
  return row;
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

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}
