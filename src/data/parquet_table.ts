/**
 * Where the images of some Parquet files lie, in shared memory: found once, read by
 * all threads.
 *
 * @module
 */

/** Where the images lie: in which file, in which of its row groups. */
export interface ParquetTable {
  /** The files. */
  files: readonly string[];
  /** The column of the images. */
  column: string;
  /** Whether it is a structure whose `bytes` are the image. */
  nested: boolean;
  /** Of each row group, one after the other: its file. */
  groupFile: Uint32Array;
  /** Its first row in that file. */
  groupRow: Float64Array;
  /** Its rows. */
  groupSize: Uint32Array;
  /** The class of each image. */
  labels: Uint32Array;
  /** Images that are shuffled among each other: see `Blocks`. */
  buffer: number;
}
