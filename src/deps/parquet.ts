/**
 * `hyparquet-writer`: columns of a table into a Parquet file.
 *
 * @module
 */
export { fileWriter, parquetWriteRows } from "npm:hyparquet-writer@0.17.0";
