/**
 * `hyparquet` and `hyparquet-writer`: columns of a table from a Parquet file, and
 * into one. They are loaded on first use.
 *
 * @module
 */
import type { AsyncBuffer, FileMetaData } from "npm:hyparquet@1.31.5";

export { fileWriter, parquetWriteRows } from "npm:hyparquet-writer@0.17.0";
export type { AsyncBuffer, FileMetaData };

/** What reads a file, with the codecs that files of data sets are written by. */
export async function loadParquetReader() {
  const [reader, { compressors }] = await Promise.all([
    import("npm:hyparquet@1.31.5"),
    import("npm:hyparquet-compressors@1.1.2"),
  ]);
  return { ...reader, compressors };
}
