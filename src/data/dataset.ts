/**
 * The interface that every data set implements.
 *
 * @module
 */
import type { CacheOptions } from "./decoded_cache.ts";
import type { FileTable } from "./file_table.ts";
import type { Image, PixelFormat } from "./image.ts";
import type { ParquetTable } from "./parquet_table.ts";
import type { ShardTable } from "./shard_table.ts";

/** An opened data set as plain data in shared memory, to be sent to other threads. */
export type SharedData =
  | {
    kind: "files";
    name: string;
    classes: readonly string[];
    table: FileTable;
  }
  | {
    kind: "records";
    /** The name of the record format, which is that of the data set. */
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

/** The blocks in which images are read: see `stream/block_shuffle.ts`. */
export interface Blocks {
  /** Number of images in each block, in order. */
  sizes: Uint32Array;
  /** Minimum size of the shuffle buffer in images; it holds whole blocks. */
  buffer: number;
}

/** Options of a data set: plain data, saved with the run. */
export type DataOptions = Record<string, unknown>;

/** A user's own data: a module and its options. */
export interface OwnDataChoice {
  /** The module's path or URL; relative to your code: `import.meta.resolve()`. */
  module: string;
  /** Plain data that the module's `open()` is called with. */
  options?: DataOptions;
}

/** A split of a data set. */
export type Split = "train" | "test";

/** The splits. */
export const SPLITS: readonly Split[] = ["train", "test"];

/**
 * Images with labels, by index, like a map-style data set of PyTorch. Images are
 * decoded lazily, one at a time.
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
  /** Name of an image for messages: a path, or a file and a record. */
  describe(index: number): string;
  /** Pixel format of its images; RGB bytes where it is not given. */
  readonly pixels?: PixelFormat;
  /** Set where images are read in blocks: they are then shuffled within a buffer. */
  readonly blocks?: Blocks;
  /**
   * Makes `image()` decode files to this pixel format. The images of a data set
   * without this method are converted after decoding.
   */
  decodeAs?(pixels: PixelFormat): void;
  /**
   * What other threads open the same data set from, without searching the disk.
   * Without this method, they open the data set by its name and folder.
   */
  share?(): SharedData;
  /** Reads and decodes one image. */
  image(index: number): Promise<Image> | Image;
}

/**
 * All that is needed to open a data set, as plain data: each worker opens the data
 * set from its own copy.
 */
export interface DatasetSource {
  /** A name from `DATASETS` in `catalog.ts`, or the URL of a user's module. */
  name: string;
  /** Options, for data sets that have any, such as a user's module. */
  options?: DataOptions;
  /** The folder with the data, where the data set has one. */
  dir?: string;
  /** The split. */
  split: Split;
  /** ImageNet-100: a file of classes that replaces the built-in list. */
  classes?: string;
  /** What `share()` gave in another thread: the disk is then not searched again. */
  shared?: SharedData;
  /** A module's images in the thread that began, by `sampleDigestOf()`: others must agree. */
  digest?: string;
  /** Where to cache decoded images, and the size to which they are shrunk. */
  cache?: CacheOptions;
  /** Without a cache: shrink images so that the shorter side has this many pixels. */
  shrinkTo?: number;
  /**
   * Wanted pixel format; the data set's own where it is not given, but RGB bytes for a
   * `PatchStream`.
   */
  pixels?: PixelFormat;
  /** Use only this many images, drawn at random from all of them, always the same. */
  limit?: number;
}
