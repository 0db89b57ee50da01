/**
 * Which columns of a Parquet file hold images and labels.
 *
 * @module
 */
import type { FileMetaData } from "../deps/parquet.ts";
import { errorMaker } from "../common/errors.ts";

/** Makes errors about a data set's files. */
export const invalidData = errorMaker(
  "open a Parquet data set in",
  "INVALID_DATA",
);
const columnError = errorMaker("use the column", "INVALID_ARGUMENT");

/** A column of a file. */
export interface Column {
  name: string;
  /** Whether it is a struct with a field `bytes`. */
  nested: boolean;
  /** Its type in Hugging Face's metadata: `Image`, `ClassLabel`. */
  feature?: string;
  /** The names of the classes, where that metadata has them. */
  names?: string[];
  bytes: boolean;
}

/** The columns of a file, with what Hugging Face's metadata says of them. */
export function columnsOf(
  { schema, key_value_metadata }: FileMetaData,
): Column[] {
  const text = key_value_metadata?.find(({ key }) => key === "huggingface");
  let features: Record<string, { _type?: string; names?: string[] }> = {};
  try {
    features = JSON.parse(text?.value ?? "{}").info?.features ?? {};
  } catch {
    // Unreadable metadata is ignored.
  }
  const columns: Column[] = [];
  // The schema is a tree, written depth first: its root, then the columns.
  let at = 1;
  const skip = () => {
    const children = schema[at++]?.num_children ?? 0;
    for (let child = 0; child < children; child++) skip();
  };
  for (let i = 0; i < (schema[0]?.num_children ?? 0); i++) {
    const { name, type, converted_type } = schema[at]!, first = at + 1;
    skip();
    const inside = schema.slice(first, at);
    const { _type: feature, names } = features[name] ?? {};
    columns.push({
      name,
      nested: inside.some((part) =>
        part.name === "bytes" && part.type === "BYTE_ARRAY"
      ),
      bytes: type === "BYTE_ARRAY" && converted_type !== "UTF8",
      feature,
      names,
    });
  }
  return columns;
}

/** The column that a user has named. */
function named(
  columns: Column[],
  name: unknown,
  what: string,
): Column | undefined {
  if (name === undefined) return undefined;
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  throw columnError(
    `${JSON.stringify(name)} for the ${what}s`,
    `the columns are ${columns.map(({ name }) => name).join(", ")}`,
    `name one of them in --data-options '{"${what}": "…"}'`,
  );
}

/**
 * The image column: the named one, or found by metadata, type or name.
 *
 * @throws {EmpSslError} `INVALID_DATA` where there is none.
 */
export function imageColumn(
  columns: Column[],
  dir: string,
  name: unknown,
): Column {
  const found = named(columns, name, "image") ??
    columns.find(({ feature }) => feature === "Image") ??
    columns.find(({ nested }) => nested) ??
    columns.find(({ name, bytes }) =>
      bytes && /^(image|img|jpg|png)/.test(name)
    );
  if (found?.nested || found?.bytes) return found;
  throw invalidData(
    dir,
    `no column of images among ${columns.map(({ name }) => name).join(", ")}`,
    `name it: --data-options '{"image": "…"}'`,
  );
}

/** The label column: the named one, or found by name or metadata, where there is one. */
export function labelColumn(
  columns: Column[],
  name: unknown,
): Column | undefined {
  return named(columns, name, "label") ??
    columns.find(({ name }) => name === "label") ??
    columns.find(({ feature }) => feature === "ClassLabel") ??
    columns.find(({ name }) => name === "fine_label");
}

/** Refuses a file whose image or label column is not that of the first file. */
export function checkSame(
  path: string,
  ...pairs: (Column | undefined)[][]
): void {
  for (const [first, own] of pairs) {
    if (first?.name === own?.name && first?.nested === own?.nested) continue;
    const says = (column?: Column) => column ? `"${column.name}"` : "none";
    throw invalidData(
      path,
      `its column is ${says(own)}, but ${says(first)} in the first file`,
      "give all files the same columns",
    );
  }
}
