/**
 * The one interface behind which every source of images stands.
 *
 * @module
 */
import type { CacheOptions } from "./decoded_cache.ts";
import type { FileTable } from "./file_table.ts";
import type { Image, PixelFormat } from "./image.ts";
import type { ParquetTable } from "./parquet_table.ts";
import type { ShardTable } from "./shard_table.ts";

/** A data set that was opened, as plain data in shared memory. */
export type SharedData =
  | {
    kind: "files";
    name: string;
    classes: readonly string[];
    table: FileTable;
  }
  | {
    kind: "records";
    /** The format's name: that of the data set. */
    name: string;
    classes: readonly string[];
    files: { path: string; bytes: Uint8Array }[];
  }
  | {
    kind: "shards";
    classes: readonly string[];
    table: ShardTable;
  }
  | {
    kind: "parquet";
    classes: readonly string[];
    table: ParquetTable;
  };

/** Images that are read in blocks: see `block_shuffle.ts`. */
export interface Blocks {
  /** How many images each block has, one block after the other. */
  sizes: Uint32Array;
  /** Images of whole blocks, at the least, that are shuffled among each other. */
  buffer: number;
}

/** Options of a data set: plain data, kept with the run. */
export type DataOptions = Record<string, unknown>;

/** A user's own data: a module and its options. */
export interface OwnDataChoice {
  /** The module's path or URL; from a module of yours: `import.meta.resolve()`. */
  module: string;
  /** Plain data that the module's `open()` is called with. */
  options?: DataOptions;
}

/** Which part of a data set. */
export type Split = "train" | "test";

/**
 * Images with labels, by index. Implementations read lazily: opening one
 * checks that the source is whole, reading decodes one image.
 */
export interface Dataset {
  /** The data set's name, such as `cifar10`. */
  readonly name: string;
  /** How many images there are. */
  readonly length: number;
  /** The names of the classes; a label is an index into it. Empty: no labels. */
  readonly classes: readonly string[];
  /** The class of an image; 0 where there are no labels. */
  label(index: number): number;
  /** What to call an image in a message: a path, or a file and a record. */
  describe(index: number): string;
  /** What the pixels of its images are, where it says so. */
  readonly pixels?: PixelFormat;
  /** Where its images are read block by block: they are then shuffled so. */
  readonly blocks?: Blocks;
  /**
   * Lets its images have other pixels, as their files have them; the images of a
   * data set without it are converted.
   */
  decodeAs?(pixels: PixelFormat): void;
  /**
   * What other threads open the same data set from, without a look at the disk;
   * without it they open it by its name and folder.
   */
  share?(): SharedData;
  /** Reads and decodes one image. */
  image(index: number): Promise<Image> | Image;
}

/**
 * What it takes to open a data set, as plain data: each worker opens its own
 * from a copy of it.
 */
export interface DatasetSource {
  /** A name from `DATASETS` in `catalog.ts`, or the URL of a user's module. */
  name: string;
  /** The options of a data set that has some, such as a user's module. */
  options?: DataOptions;
  /** The folder with the data, where the data set has one. */
  dir?: string;
  /** Which part. */
  split: Split;
  /** ImageNet-100: a file with other classes than ours. */
  classes?: string;
  /** What another thread has found: it is then not searched for. */
  shared?: SharedData;
  /** Where to keep decoded images, and how large they need be. */
  cache?: CacheOptions;
  /** What the pixels of its images are to be; as the data has them by itself. */
  pixels?: PixelFormat;
  /** Use only so many images, drawn evenly from all of them. */
  limit?: number;
}
