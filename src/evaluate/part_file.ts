/**
 * Rows that a run which was cut off has left, for the same run to go on with.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { writeAtomically } from "../atomic_file.ts";
import type { KeptRows } from "./compute_features.ts";

/** What stands beside the rows. */
interface Note {
  /** Digest of all that makes the rows what they are. */
  identity: string;
  /** Rows of images that could not be read. */
  skipped: number[];
}

/** The rows that are in a file, and whose they are. */
export class PartFile implements KeptRows {
  readonly path: string;
  readonly done: number;
  readonly skipped: number[];
  #identity: string;

  private constructor(path: string, done: number, note: Note) {
    this.path = path;
    this.done = done;
    this.skipped = note.skipped;
    this.#identity = note.identity;
  }

  /**
   * Takes up the rows of a file, where they are of the same work, or begins it.
   *
   * @param path The file; a note stands beside it.
   * @param of Bytes of a row; all that makes the rows what they are.
   */
  static open(
    path: string,
    { rowBytes, identity }: { rowBytes: number; identity: unknown },
  ): PartFile {
    const digest = createHash("sha256").update(JSON.stringify(identity))
      .digest("hex");
    const note = readNote(path);
    if (note?.identity === digest) {
      const done = Math.floor(sizeOf(path) / rowBytes);
      return new PartFile(path, done, note);
    }
    Deno.writeFileSync(path, new Uint8Array());
    const fresh = new PartFile(path, 0, { identity: digest, skipped: [] });
    fresh.#write();
    return fresh;
  }

  #write(): void {
    const note: Note = { identity: this.#identity, skipped: this.skipped };
    writeAtomically(
      `${this.path}.json`,
      new TextEncoder().encode(JSON.stringify(note)),
    );
  }

  /** Notes that a row's image could not be read. */
  skip(row: number): void {
    this.skipped.push(row);
    this.#write();
  }

  /** All is done: it is no longer needed. */
  remove(): void {
    Deno.removeSync(this.path);
    Deno.removeSync(`${this.path}.json`);
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
