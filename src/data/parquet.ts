/**
 * Parquet files as on the Hugging Face Hub: a column of images, each the bytes of an
 * image file, and a column of labels. Nothing is unpacked. A worker reads one row group
 * at a time, so images are shuffled within a buffer of some row groups, as other
 * streaming readers do.
 *
 * @module
 */
import {
  type AsyncBuffer,
  type FileMetaData,
  loadParquetReader,
} from "../deps/parquet.ts";
import { errorMaker, isEmpSslError, messageOf } from "../common/errors.ts";
import { readAtSync } from "../common/files.ts";
import { endsOf, placeIn, startIn } from "../common/place_in.ts";
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
import {
  checkSame,
  type Column,
  columnsOf,
  imageColumn,
  invalidData,
  labelColumn,
} from "./parquet_columns.ts";
import { classesOf, labelsAs } from "./parquet_labels.ts";
import type { ParquetTable } from "./parquet_table.ts";
import { sharedFloat64, sharedUint32 } from "./shared_numbers.ts";

const readError = errorMaker("read", "INVALID_DATA");

/** Size of the shuffle buffer in bytes; a worker caches up to twice as much. */
const BUFFER_BYTES = 128 * 2 ** 20;

/** A file for the Parquet reader, which reads byte ranges on demand. */
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

/** A row group that has been read, or is being read. */
interface Group {
  /** The bytes of each image file; undefined where a row has none. */
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
  readonly #ends: Float64Array;
  readonly #metadata = new Map<string, Promise<FileMetaData>>();
  readonly #groups = new Map<number, Group>();
  #pixels: PixelFormat = RGB;

  /** For files that are known to exist. */
  constructor(classes: readonly string[], table: ParquetTable) {
    const { groupSize, labels, buffer } = table;
    this.classes = classes;
    this.#table = table;
    this.length = labels.length;
    this.blocks = { sizes: groupSize, buffer };
    this.#ends = endsOf(groupSize);
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
    throw readError(name, "it has no image bytes", "remove the row");
  }

  /** The row group of an image, and its row there. */
  #placeOf(index: number): { group: number; row: number } {
    const group = placeIn(this.#ends, index);
    return { group, row: index - startIn(this.#ends, group) };
  }

  /** The images of a row group; the most recently used row groups are cached. */
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
      // The row groups of a shuffle buffer have less than twice its bytes, unless a
      // single row group is larger than the buffer.
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
      metadata = parquetMetadataAsync(file);
      this.#metadata.set(path, metadata);
      metadata.catch(() => this.#metadata.delete(path));
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

/**
 * Opens the Parquet files of a split: `train-*.parquet` and `validation-*.parquet`
 * (where there is none `test-*`), in the folder or in `data/` below it. The image and
 * label columns are found by Hugging Face's metadata in the files, or by their names and
 * types; `options` may name them: `{ image, label }`.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is no file; `INVALID_DATA` for one
 * that is no Parquet file, or has no images; `INVALID_ARGUMENT` for a column that does
 * not exist.
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
        const translate = labelsAs(names, ownLabel?.names, path);
        for (const row of rows) values.push(translate(row[name]));
      }
      found += row;
    } catch (error) {
      if (isEmpSslError(error)) throw error;
      throw invalidData(path, messageOf(error), "replace the file", error);
    }
    onFound?.(found);
  }
  const count = groupSize.reduce((sum, size) => sum + size, 0);
  if (count === 0) {
    throw invalidData(dir, `no image in its ${split} files`, "add images");
  }
  const { classes, labels } = classesOf(values, names, dir, {
    name: label?.name ?? "",
    isNamed: options.label !== undefined,
  });
  return new ParquetImages(classes, {
    files,
    column: image!.name,
    nested: image!.nested,
    groupFile: sharedUint32(groupFile),
    groupRow: sharedFloat64(groupRow),
    groupSize: sharedUint32(groupSize),
    labels: labels ?? sharedUint32(new Uint32Array(count)),
    buffer: Math.max(1, Math.floor(BUFFER_BYTES / (bytes / count + 1))),
  });
}
