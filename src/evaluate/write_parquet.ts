/**
 * Features as a Parquet file: a row for each image, its path and a list of
 * numbers.
 *
 * @module
 */
import { fileWriter, parquetWriteRows } from "../deps/parquet.ts";
import type { Features } from "./features.ts";

/** Rows per row group, some megabytes in memory. */
const GROUP = 256;

/** `path: string, features: list<float>`, as a three-level list of Parquet. */
const SCHEMA = [
  { name: "root", num_children: 2 },
  {
    name: "path",
    type: "BYTE_ARRAY",
    converted_type: "UTF8",
    repetition_type: "REQUIRED",
  },
  {
    name: "features",
    converted_type: "LIST",
    repetition_type: "REQUIRED",
    num_children: 1,
  },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", type: "FLOAT", repetition_type: "REQUIRED" },
] as const;

function* rowsOf(features: Features, names: string[]) {
  const { width } = features;
  for (const { first, rows } of features.blocks(GROUP)) {
    for (let at = 0; at * width < rows.length; at++) {
      const own = rows.subarray(at * width, (at + 1) * width);
      yield { path: names[first + at], features: [...own] };
    }
  }
}

/**
 * Writes features and the paths of their images, group by group.
 *
 * @param path The file.
 * @param features The rows.
 * @param names The path of each row's image.
 */
export function writeParquet(
  path: string,
  features: Features,
  names: string[],
): void {
  parquetWriteRows({
    writer: fileWriter(path),
    rows: rowsOf(features, names),
    columns: [{ name: "path" }, { name: "features", encoding: "PLAIN" }],
    schema: [...SCHEMA],
    rowGroupSize: GROUP,
    // Features hardly compress.
    codec: "UNCOMPRESSED",
    statistics: false,
  });
}
