/**
 * Parquet files as the Hugging Face Hub has them: a column of images, each the
 * bytes of a file, and a column of labels. The files stay as they are; a worker
 * reads a row group at a time, so that images are shuffled within a buffer of some
 * row groups, as the readers of such files do.
 *
 * @module
 */
import {
  type AsyncBuffer,
  type FileMetaData,
  loadParquetReader,
} from "../deps/parquet.ts";
import { errorMaker, isEmpSslError, messageOf } from "../errors.ts";
import { readAtSync } from "../files.ts";
import type {
  Blocks,
  DataOptions,
  Dataset,
  SharedData,
  Split,
} from "./dataset.ts";
import { decodeBytes } from "./decode.ts";
import { findShards } from "./find_shards.ts";
import { type Image, type PixelFormat, RGB } from "./image.ts";
import type { Search } from "./image_files.ts";
import type { ParquetTable } from "./parquet_table.ts";

const invalidData = errorMaker("open a Parquet data set in", "INVALID_DATA");
const readError = errorMaker("read", "INVALID_DATA");
const columnError = errorMaker("take the column", "INVALID_ARGUMENT");

/** Bytes of images that are shuffled among each other, and that a worker keeps. */
const BUFFER_BYTES = 128 * 2 ** 20;

/** A file as its reader takes it, read where it is asked for. */
class LocalFile implements AsyncBuffer, Disposable {
  readonly byteLength: number;
  readonly #file: Deno.FsFile;

  constructor(path: string) {
    this.#file = Deno.openSync(path);
    this.byteLength = this.#file.statSync().size;
  }

  slice(start: number, end = this.byteLength): ArrayBuffer {
    const bytes = new Uint8Array(Math.max(0, end - start));
    const count = readAtSync(this.#file, start, bytes);
    return bytes.slice(0, count).buffer;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** A column of a file, where it holds images or labels. */
interface Column {
  name: string;
  /** Whether it is a structure with `bytes`. */
  nested: boolean;
  /** What Hugging Face's own description says of it: `Image`, `ClassLabel`. */
  feature?: string;
  /** The names of the classes, where that description has them. */
  names?: string[];
  bytes: boolean;
}

/** The columns of a file, with what its description says of them. */
function columnsOf({ schema, key_value_metadata }: FileMetaData): Column[] {
  const text = key_value_metadata?.find(({ key }) => key === "huggingface");
  let features: Record<string, { _type?: string; names?: string[] }> = {};
  try {
    features = JSON.parse(text?.value ?? "{}").info?.features ?? {};
  } catch {
    // A description that cannot be read says nothing.
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
    `there are ${columns.map(({ name }) => name).join(", ")}`,
    `name one of them in --data-options '{"${what}": "…"}'`,
  );
}

function imageColumn(columns: Column[], dir: string, name: unknown): Column {
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

function labelColumn(columns: Column[], name: unknown): Column | undefined {
  return named(columns, name, "label") ??
    columns.find(({ name }) => name === "label") ??
    columns.find(({ feature }) => feature === "ClassLabel") ??
    columns.find(({ name }) => name === "fine_label");
}

/** A row group that is read. */
interface Group {
  /** The bytes of each; nothing where a row has none. */
  images: Promise<(Uint8Array | undefined)[]>;
  bytes: number;
}

/** Images in Parquet files; see the module's description. */
export class ParquetImages implements Dataset {
  readonly name = "parquet";
  readonly length: number;
  readonly classes: readonly string[];
  readonly blocks: Blocks;
  readonly #table: ParquetTable;
  readonly #starts: Float64Array;
  readonly #metadata = new Map<string, Promise<FileMetaData>>();
  readonly #groups = new Map<number, Group>();
  #pixels: PixelFormat = RGB;

  /** Over files that are known to be there. */
  constructor(classes: readonly string[], table: ParquetTable) {
    const { groupSize, labels, buffer } = table;
    this.classes = classes;
    this.#table = table;
    this.length = labels.length;
    this.blocks = { sizes: groupSize, buffer };
    this.#starts = new Float64Array(groupSize.length + 1);
    groupSize.forEach((size, i) =>
      this.#starts[i + 1] = this.#starts[i]! + size
    );
  }

  /** See {@linkcode Dataset.share}. */
  share(): SharedData {
    return { kind: "parquet", classes: this.classes, table: this.#table };
  }

  /** See {@linkcode Dataset.decodeAs}. */
  decodeAs(pixels: PixelFormat): void {
    this.#pixels = pixels;
  }

  /** See {@linkcode Dataset.label}. */
  label(index: number): number {
    return this.#table.labels[index]!;
  }

  /** See {@linkcode Dataset.describe}. */
  describe(index: number): string {
    const { group, row } = this.#placeOf(index);
    const { files, groupFile, groupRow } = this.#table;
    return `row ${groupRow[group]! + row} of ${files[groupFile[group]!]}`;
  }

  /** See {@linkcode Dataset.image}. */
  async image(index: number): Promise<Image> {
    const { group, row } = this.#placeOf(index);
    const name = this.describe(index), pixels = this.#pixels;
    let bytes: Uint8Array | undefined;
    try {
      bytes = (await this.#read(group))[row];
    } catch (error) {
      throw readError(name, messageOf(error), "check the file", error);
    }
    if (bytes !== undefined) return await decodeBytes(bytes, name, { pixels });
    throw readError(name, "it has no bytes of an image", "remove the row");
  }

  /** The row group of an image, and its row there. */
  #placeOf(index: number): { group: number; row: number } {
    let low = 0, high = this.#table.groupSize.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= index) low = middle;
      else high = middle;
    }
    return { group: low, row: index - this.#starts[low]! };
  }

  /** The images of a row group; those read last are kept. */
  async #read(group: number): Promise<(Uint8Array | undefined)[]> {
    let found = this.#groups.get(group);
    this.#groups.delete(group);
    found ??= { images: this.#load(group), bytes: 0 };
    this.#groups.set(group, found);
    try {
      const images = await found.images;
      found.bytes = images.reduce((sum, own) => sum + (own?.length ?? 0), 0);
      let kept = 0;
      for (const { bytes } of this.#groups.values()) kept += bytes;
      // The groups that are shuffled together have under twice the buffer, but for
      // a single one that is larger.
      for (const [oldest, { bytes }] of this.#groups) {
        if (kept <= 2 * BUFFER_BYTES || this.#groups.size <= 2) break;
        this.#groups.delete(oldest);
        kept -= bytes;
      }
      return images;
    } catch (error) {
      this.#groups.delete(group);
      throw error;
    }
  }

  async #load(group: number): Promise<(Uint8Array | undefined)[]> {
    const { files, column, nested, groupFile, groupRow, groupSize } =
      this.#table;
    const path = files[groupFile[group]!]!;
    const { parquetMetadataAsync, parquetReadObjects, compressors } =
      await loadParquetReader();
    using file = new LocalFile(path);
    let metadata = this.#metadata.get(path);
    if (metadata === undefined) {
      this.#metadata.set(path, metadata = parquetMetadataAsync(file));
    }
    const rowStart = groupRow[group]!, rowEnd = rowStart + groupSize[group]!;
    const rows = await parquetReadObjects({
      ...{ file, compressors, rowStart, rowEnd, columns: [column] },
      metadata: await metadata,
      utf8: false,
    });
    return rows.map(({ [column]: value }) => {
      const bytes = nested ? value?.bytes : value;
      return bytes instanceof Uint8Array ? bytes : undefined;
    });
  }
}

/** Shared memory with some numbers. */
function sharedNumbers(values: ArrayLike<number>): Uint32Array {
  const array = new Uint32Array(new SharedArrayBuffer(4 * values.length));
  array.set(values);
  return array;
}

/**
 * Opens the Parquet files of a split: `train-*.parquet` and `test-*.parquet` (or
 * `validation-*`), in the folder or in `data/` below it. Which columns hold images
 * and labels is taken from Hugging Face's description in the files, or from their
 * names and types; `options` may name them: `{ image, label }`.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is no file; `INVALID_DATA` for one
 * that is no Parquet file, or has no images; `INVALID_ARGUMENT` for a column that
 * there is not.
 */
export async function openParquet(
  { dir, split, options = {}, onFound }:
    & { dir: string; split: Split; options?: DataOptions }
    & Search,
): Promise<Dataset> {
  const kind = {
    name: "Parquet data set",
    ending: ".parquet",
    below: "data",
  };
  const files = await findShards(dir, split, kind);
  const { parquetMetadataAsync, parquetReadObjects, compressors } =
    await loadParquetReader();
  const groupFile: number[] = [], groupRow: number[] = [];
  const groupSize: number[] = [], values: unknown[] = [];
  let image: Column | undefined, label: Column | undefined;
  let names: string[] | undefined, bytes = 0, found = 0;
  for (const [at, path] of files.entries()) {
    try {
      using file = new LocalFile(path);
      const metadata = await parquetMetadataAsync(file);
      const columns = columnsOf(metadata);
      const own = imageColumn(columns, path, options.image);
      const ownLabel = labelColumn(columns, options.label);
      if (at > 0) checkSame(path, [image, own], [label, ownLabel]);
      image = own, label = ownLabel;
      names ??= label?.names;
      let row = 0;
      for (const group of metadata.row_groups) {
        const size = Number(group.num_rows);
        groupFile.push(at);
        groupRow.push(row);
        groupSize.push(size);
        row += size;
        for (const { meta_data } of group.columns) {
          const own = meta_data?.path_in_schema[0] === image.name;
          if (own) bytes += Number(meta_data!.total_uncompressed_size);
        }
      }
      if (label !== undefined) {
        const { name } = label;
        const rows = await parquetReadObjects({
          ...{ file, metadata, compressors, columns: [name] },
        });
        for (const row of rows) values.push(row[name]);
      }
      found += row;
      onFound?.(found);
    } catch (error) {
      if (isEmpSslError(error)) throw error;
      throw invalidData(path, messageOf(error), "replace the file", error);
    }
  }
  const count = groupSize.reduce((sum, size) => sum + size, 0);
  if (count === 0) {
    throw invalidData(dir, `no image in its ${split} files`, "add some");
  }
  const { classes, labels } = classesOf(values, names, dir, label?.name ?? "");
  const rows = new Float64Array(new SharedArrayBuffer(8 * groupRow.length));
  rows.set(groupRow);
  return new ParquetImages(classes, {
    files,
    column: image!.name,
    nested: image!.nested,
    groupFile: sharedNumbers(groupFile),
    groupRow: rows,
    groupSize: sharedNumbers(groupSize),
    labels: labels ?? sharedNumbers(new Uint32Array(count)),
    buffer: Math.max(1, Math.floor(BUFFER_BYTES / (bytes / count + 1))),
  });
}

/** Refuses a file whose columns are not those of the first one. */
function checkSame(path: string, ...pairs: (Column | undefined)[][]): void {
  for (const [first, own] of pairs) {
    if (first?.name === own?.name && first?.nested === own?.nested) continue;
    const says = (column?: Column) => column ? `"${column.name}"` : "none";
    throw invalidData(
      path,
      `its column is ${says(own)} where the first file has ${says(first)}`,
      "give all files the same columns",
    );
  }
}

/** Names and numbers of the classes of some labels. */
function classesOf(
  values: unknown[],
  names: string[] | undefined,
  dir: string,
  column: string,
): { classes: readonly string[]; labels?: Uint32Array } {
  if (values.length === 0) return { classes: [] };
  const missing = values.filter((value) =>
    value == null || Number(value) === -1
  );
  if (missing.length > 0) {
    throw invalidData(
      dir,
      `${missing.length} of ${values.length} rows have no ${column}`,
      "give labels to all of them, or name another column",
    );
  }
  const found = [...new Set(values.map(String))];
  const numbers = found.every((name) => /^\d+$/.test(name));
  // Hugging Face's labels are places in its list of names.
  if (names !== undefined && numbers) {
    const beyond = found.find((name) => Number(name) >= names.length);
    if (beyond !== undefined) {
      const only = `${names.length} classes are named`;
      throw invalidData(
        dir,
        `a ${column} is ${beyond}, and ${only}`,
        "mend it",
      );
    }
    return { classes: names, labels: sharedNumbers(values.map(Number)) };
  }
  const classes = numbers
    ? found.sort((a, b) => Number(a) - Number(b))
    : found.sort();
  const places = new Map(classes.map((name, i) => [name, i]));
  const labels = values.map((value) => places.get(String(value))!);
  return { classes, labels: sharedNumbers(labels) };
}
