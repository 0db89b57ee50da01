/**
 * The files of a data set and their classes, in shared memory: made once, read by
 * all threads. A file takes 8 bytes besides its path.
 *
 * @module
 */

/** Plain data in shared memory: a thread that it is sent to shares it. */
export interface FileTable {
  /** How many files. */
  count: number;
  /** End offset of each path in `paths`. */
  ends: Uint32Array;
  /** The class of each file. */
  labels: Uint32Array;
  /** All paths in UTF-8, one after the other. */
  paths: Uint8Array;
}

/** An image file and its class. */
export interface LabelledFile {
  /** The file. */
  path: string;
  /** Index of its class. */
  label: number;
}

const encoder = new TextEncoder(), decoder = new TextDecoder();

/** A growing array; `shared()` copies it to shared memory of the exact size. */
class Growing<T extends Uint8Array | Uint32Array> {
  #make: (buffer: ArrayBufferLike) => T;
  #array: T;
  length = 0;

  constructor(make: (buffer: ArrayBufferLike) => T) {
    this.#make = make;
    this.#array = make(new ArrayBuffer(1 << 12));
  }

  /** Makes room for some more elements; returns the array. */
  reserve(more: number): T {
    if (this.length + more > this.#array.length) {
      const { BYTES_PER_ELEMENT } = this.#array;
      const elements = Math.max(this.length + more, this.#array.length * 1.5);
      const bytes = Math.ceil(elements) * BYTES_PER_ELEMENT;
      const larger = this.#make(new ArrayBuffer(bytes));
      larger.set(this.#array);
      this.#array = larger;
    }
    return this.#array;
  }

  push(value: number): void {
    this.reserve(1)[this.length++] = value;
  }

  shared(): T {
    const bytes = this.length * this.#array.BYTES_PER_ELEMENT;
    const copy = this.#make(new SharedArrayBuffer(bytes));
    copy.set(this.#array.subarray(0, this.length));
    return copy;
  }
}

/**
 * Makes a table, file by file.
 *
 * @example Two files
 * ```ts
 * import { FileTableBuilder, pathOf } from "./file_table.ts";
 *
 * const builder = new FileTableBuilder();
 * builder.add("cats/1.png", 0);
 * builder.add("dogs/1.png", 1);
 * const table = builder.finish();
 * console.assert(pathOf(table, 1) === "dogs/1.png" && table.labels[1] === 1);
 * ```
 */
export class FileTableBuilder {
  #ends = new Growing((buffer) => new Uint32Array(buffer));
  #labels = new Growing((buffer) => new Uint32Array(buffer));
  #paths = new Growing((buffer) => new Uint8Array(buffer));

  /** How many files there are so far. */
  get count(): number {
    return this.#ends.length;
  }

  /** Adds a file. */
  add(path: string, label: number): void {
    const room = this.#paths.reserve(3 * path.length);
    const { written } = encoder.encodeInto(
      path,
      room.subarray(this.#paths.length) as Uint8Array<ArrayBuffer>,
    );
    this.#paths.length += written;
    this.#ends.push(this.#paths.length);
    this.#labels.push(label);
  }

  /** The table, in shared memory. */
  finish(): FileTable {
    return {
      count: this.count,
      ends: this.#ends.shared(),
      labels: this.#labels.shared(),
      paths: this.#paths.shared(),
    };
  }
}

/** The path of a file. */
export function pathOf({ ends, paths }: FileTable, index: number): string {
  const begin = index === 0 ? 0 : ends[index - 1];
  // A copy: `TextDecoder` does not take shared memory.
  return decoder.decode(paths.slice(begin, ends[index]));
}
