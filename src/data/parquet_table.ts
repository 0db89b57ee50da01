/**
 * Where the images are in some Parquet files, in shared memory: written once, read by
 * all threads.
 *
 * @module
 */

/** Where the images are: the files and row groups. */
export interface ParquetTable {
  /** The files. */
  files: readonly string[];
  /** The column of the images. */
  column: string;
  /** Whether it is a struct whose field `bytes` is the image. */
  nested: boolean;
  /** The file of each row group, an index into `files`. */
  groupFile: Uint32Array;
  /** The first row of each row group in its file. */
  groupRow: Float64Array;
  /** Number of rows of each row group. */
  groupSize: Uint32Array;
  /** The class of each image. */
  labels: Uint32Array;
  /** Size of the shuffle buffer in images: see `Blocks`. */
  buffer: number;
}
