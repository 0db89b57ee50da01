/**
 * Features of a split with their labels. Those of a large split are stored in a
 * temporary file in half precision, so that memory use stays bounded.
 *
 * @module
 */
import { writeError } from "../atomic_file.ts";
import { readAtSync, writeAllSync } from "../files.ts";

/** Features of more bytes than this in fp32 are stored on disk. */
export const MEMORY_LIMIT = 768 * 2 ** 20;

/** The label of a row that does not count: its image could not be read. */
export const NO_LABEL = -1;

/** The remedy where temporary files cannot be written. */
const TEMPORARY = { remedy: "name another folder in TMPDIR" };

/** Storage of rows. */
interface Store {
  write(rows: Float32Array, first: number): void;
  read(row: number, output: Float32Array): void;
  dispose(): void;
}

class MemoryStore implements Store {
  #values: Float32Array;
  #width: number;
  constructor(count: number, width: number) {
    this.#values = new Float32Array(count * width);
    this.#width = width;
  }
  write(rows: Float32Array, first: number): void {
    this.#values.set(rows, first * this.#width);
  }
  read(row: number, output: Float32Array): void {
    const at = row * this.#width;
    output.set(this.#values.subarray(at, at + output.length));
  }
  dispose(): void {
    this.#values = new Float32Array();
  }
}

class FileStore implements Store {
  #path: string;
  #file: Deno.FsFile;
  #rowBytes: number;
  constructor(width: number) {
    this.#rowBytes = width * 2;
    try {
      this.#path = Deno.makeTempFileSync({ prefix: "emp-ssl-features-" });
      this.#file = Deno.openSync(this.#path, { read: true, write: true });
      // Unlinked at once, so that no file is left however the process ends.
      Deno.removeSync(this.#path);
    } catch (error) {
      const folder = Deno.env.get("TMPDIR") ?? "/tmp";
      throw writeError(`temporary files in ${folder}`, error, TEMPORARY);
    }
  }
  write(rows: Float32Array, first: number): void {
    const bytes = new Uint8Array(Float16Array.from(rows).buffer);
    this.#file.seekSync(first * this.#rowBytes, Deno.SeekMode.Start);
    try {
      writeAllSync(this.#file, bytes);
    } catch (error) {
      throw writeError(`features to ${this.#path}`, error, TEMPORARY);
    }
  }
  read(row: number, output: Float32Array): void {
    const halves = new Float16Array(output.length);
    const bytes = new Uint8Array(halves.buffer);
    readAtSync(this.#file, row * this.#rowBytes, bytes);
    output.set(halves);
  }
  dispose(): void {
    this.#file.close();
  }
}

/** Rows as fp32 in a file of the caller, from which a later call can resume. */
class KeptStore implements Store {
  #path: string;
  #file: Deno.FsFile;
  #width: number;
  constructor(path: string, width: number) {
    this.#path = path;
    this.#file = Deno.openSync(path, { read: true, write: true, create: true });
    this.#width = width;
  }
  #seek(row: number): void {
    this.#file.seekSync(row * this.#width * 4, Deno.SeekMode.Start);
  }
  write(rows: Float32Array, first: number): void {
    const { buffer, byteOffset, byteLength } = rows;
    try {
      this.#seek(first);
      writeAllSync(this.#file, new Uint8Array(buffer, byteOffset, byteLength));
    } catch (error) {
      const remedy =
        "run the same command again: the rows already written are kept";
      throw writeError(this.#path, error, { remedy });
    }
  }
  read(row: number, output: Float32Array): void {
    const { buffer, byteOffset, byteLength } = output;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    readAtSync(this.#file, row * this.#width * 4, bytes);
  }
  dispose(): void {
    this.#file.close();
  }
}

/**
 * `count × width` features, row by row.
 *
 * @example Two rows
 * ```ts
 * import { Features } from "./features.ts";
 *
 * using features = new Features({ width: 2, labels: Int32Array.of(0, 1) });
 * features.write(Float32Array.of(1, 2, 3, 4), 0);
 * console.assert(features.rows([1, 0]).join() === "3,4,1,2");
 * ```
 */
export class Features implements Disposable {
  /** Number of features per row. */
  readonly width: number;
  /** The class of each row, or `NO_LABEL`. */
  readonly labels: Int32Array;
  #store: Store;

  /**
   * Allocates the storage.
   *
   * @param shape Width of a row; a label for each row; a file that keeps the rows,
   * as fp32, after this object is disposed of.
   * @param memoryLimit Maximum bytes of fp32 in memory.
   */
  constructor(
    { width, labels, keep }: {
      width: number;
      labels: Int32Array;
      keep?: string;
    },
    memoryLimit: number = MEMORY_LIMIT,
  ) {
    this.width = width;
    this.labels = labels;
    this.#store = keep !== undefined
      ? new KeptStore(keep, width)
      : labels.length * width * 4 <= memoryLimit
      ? new MemoryStore(labels.length, width)
      : new FileStore(width);
  }

  /** How many rows there are. */
  get count(): number {
    return this.labels.length;
  }

  /** Stores consecutive rows, the first of them at `first`. */
  write(rows: Float32Array, first: number): void {
    this.#store.write(rows, first);
  }

  /** Some rows, in the order of `indices`. */
  rows(indices: ArrayLike<number>): Float32Array {
    const { width } = this;
    const output = new Float32Array(indices.length * width);
    for (let i = 0; i < indices.length; i++) {
      this.#store.read(
        indices[i]!,
        output.subarray(i * width, (i + 1) * width),
      );
    }
    return output;
  }

  /** All rows in order, `size` at a time. */
  *blocks(size: number): Generator<{ first: number; rows: Float32Array }> {
    for (let first = 0; first < this.count; first += size) {
      const length = Math.min(size, this.count - first);
      const rows = this.rows(Array.from({ length }, (_, i) => first + i));
      yield { first, rows };
    }
  }

  /** Frees the memory, or closes the file. */
  [Symbol.dispose](): void {
    this.#store.dispose();
  }
}
