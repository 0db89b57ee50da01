/**
 * Features of a split with their labels. Those of a large split are stored in a file in
 * half precision, so that memory use stays bounded.
 *
 * @module
 */
import { writeError } from "../common/atomic_file.ts";
import { bytesOf, readAtSync, writeAllSync } from "../common/files.ts";

/** Features of more bytes than this in fp32 are stored on disk. */
export const MEMORY_LIMIT = 2 ** 30;

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

/** Where a {@linkcode FileStore} writes, and how. */
interface FileOptions {
  /** The open file, and its path for errors. */
  file: Deno.FsFile;
  path: string;
  /** Values of a row. */
  width: number;
  /** Whether they are stored in half precision. */
  half: boolean;
  /** The remedy where the file cannot be written. */
  remedy: string;
}

/** Rows in a file. */
class FileStore implements Store {
  #options: FileOptions;
  constructor(options: FileOptions) {
    this.#options = options;
  }
  #rowBytes(): number {
    const { width, half } = this.#options;
    return width * (half ? 2 : 4);
  }
  /** How many rows there are in the file. */
  count(): number {
    return Math.floor(this.#options.file.statSync().size / this.#rowBytes());
  }
  write(rows: Float32Array, first: number): void {
    const { file, path, half, remedy } = this.#options;
    const values = half ? Float16Array.from(rows) : rows;
    try {
      file.seekSync(first * this.#rowBytes(), Deno.SeekMode.Start);
      writeAllSync(file, bytesOf(values));
    } catch (error) {
      throw writeError(path, error, { remedy });
    }
  }
  read(row: number, output: Float32Array): void {
    const { file, half } = this.#options;
    const values = half ? new Float16Array(output.length) : output;
    readAtSync(file, row * this.#rowBytes(), bytesOf(values));
    if (half) output.set(values);
  }
  dispose(): void {
    this.#options.file.close();
  }
}

/** A temporary file that is gone however the process ends. */
function temporaryStore(width: number): FileStore {
  try {
    const path = Deno.makeTempFileSync({ prefix: "emp-ssl-features-" });
    const file = Deno.openSync(path, { read: true, write: true });
    Deno.removeSync(path);
    return new FileStore({
      ...{ file, path, width, half: true, remedy: TEMPORARY.remedy },
    });
  } catch (error) {
    const folder = Deno.env.get("TMPDIR") ?? "/tmp";
    throw writeError(`temporary files in ${folder}`, error, TEMPORARY);
  }
}

/** A file of the caller, from which a later call can resume. */
function keptStore(path: string, width: number, half: boolean): FileStore {
  const remedy =
    "run the same command again: the rows already written are kept";
  const file = Deno.openSync(path, { read: true, write: true, create: true });
  return new FileStore({ file, path, width, half, remedy });
}

/** Rows in memory, each of them also in a file. */
class CopiedStore implements Store {
  #memory: MemoryStore;
  #file: FileStore;
  constructor(memory: MemoryStore, file: FileStore, width: number) {
    this.#memory = memory;
    this.#file = file;
    const row = new Float32Array(width);
    for (let i = 0, count = file.count(); i < count; i++) {
      file.read(i, row);
      memory.write(row, i);
    }
  }
  write(rows: Float32Array, first: number): void {
    this.#memory.write(rows, first);
    this.#file.write(rows, first);
  }
  read(row: number, output: Float32Array): void {
    this.#memory.read(row, output);
  }
  dispose(): void {
    this.#memory.dispose();
    this.#file.dispose();
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
   * @param shape Width of a row; a label for each row; a file that keeps the rows after
   * this object is disposed of, and whether in half precision.
   * @param memoryLimit Maximum bytes of fp32 in memory.
   */
  constructor(
    { width, labels, keep, half = false }: {
      width: number;
      labels: Int32Array;
      keep?: string;
      half?: boolean;
    },
    memoryLimit: number = MEMORY_LIMIT,
  ) {
    this.width = width;
    this.labels = labels;
    const fits = labels.length * width * 4 <= memoryLimit;
    const memory = fits ? new MemoryStore(labels.length, width) : undefined;
    const kept = keep === undefined ? undefined : keptStore(keep, width, half);
    this.#store = memory && kept
      ? new CopiedStore(memory, kept, width)
      : memory ?? kept ?? temporaryStore(width);
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
