/**
 * `hyparquet` and `hyparquet-writer` read and write columns of Parquet files. The reader
 * is loaded on first use.
 *
 * @module
 */
import type { AsyncBuffer, FileMetaData } from "npm:hyparquet@1.31.5";

export { fileWriter, parquetWriteRows } from "npm:hyparquet-writer@0.17.0";
export type { AsyncBuffer, FileMetaData };

/** Loads the reader, with the compression codecs that data sets use. */
export async function loadParquetReader() {
  const [reader, { compressors }] = await Promise.all([
    import("npm:hyparquet@1.31.5"),
    import("npm:hyparquet-compressors@1.1.2"),
  ]);
  return { ...reader, compressors };
}
