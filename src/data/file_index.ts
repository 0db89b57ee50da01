/**
 * The index of a data set of image files: path, size and class of each image. It is
 * saved in the run's folder, so that threads do not search the data folders again and
 * a resumed run sees the images that it began with.
 *
 * @module
 */
import { errorMaker, messageOf } from "../common/errors.ts";
import { writeAtomically } from "../common/atomic_file.ts";
import { breathe, fileSize, writeAllSync } from "../common/files.ts";
import { FileTableBuilder, type LabelledFile } from "./file_table.ts";
import { ImageFiles } from "./image_files.ts";

const indexError = errorMaker("use the images of", "INVALID_DATA");
const REMEDY = "restore the files, or start a new run";

const FORMAT = "emp-ssl-images/1";

/** Whether a file is an index of this format, and not a user's file of the same name. */
export function isFileIndex(path: string): boolean {
  const begin = `{"format":"${FORMAT}"`;
  try {
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(begin.length);
    file.readSync(bytes);
    return new TextDecoder().decode(bytes) === begin;
  } catch {
    return false;
  }
}

interface Header {
  format: string;
  name: string;
  classes: readonly string[];
  count: number;
}

interface Entry extends LabelledFile {
  size: number;
}

/** A path inside `dir`, relative to it; any other path unchanged. */
function placeIn(dir: string, path: string): string {
  const place = path.slice(dir.length + 1);
  const inside = path.startsWith(`${dir}/`) && !place.startsWith("/");
  return inside ? place : path;
}

/** Lines per write, and files between two yields to the event loop. */
const WRITTEN_LINES = 4096;

/**
 * Writes the index of a data set as text: a line of JSON about the data set, then
 * class, size in bytes and path of each image. The text is written in chunks.
 *
 * @param dir Paths inside this folder are written relative to it.
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it cannot be written.
 */
export async function writeFileIndex(
  index: string,
  dataset: ImageFiles,
  dir: string,
  signal?: AbortSignal,
): Promise<void> {
  const { name, classes, length } = dataset;
  const header: Header = { format: FORMAT, name, classes, count: length };
  const encoder = new TextEncoder();
  const sizes = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    // A file that cannot be found is reported when it is read.
    sizes[i] = fileSize(dataset.describe(i)) ?? -1;
    if (i % WRITTEN_LINES > 0) continue;
    await breathe();
    signal?.throwIfAborted();
  }
  writeAtomically(index, (temporary) => {
    using file = Deno.createSync(temporary);
    let lines = [JSON.stringify(header)];
    const flush = () => {
      writeAllSync(file, encoder.encode(lines.join("\n") + "\n"));
      lines = [];
    };
    for (let i = 0; i < length; i++) {
      const place = JSON.stringify(placeIn(dir, dataset.describe(i)));
      lines.push(`${dataset.label(i)}\t${sizes[i]}\t${place}`);
      if (lines.length === WRITTEN_LINES) flush();
    }
    if (lines.length > 0) flush();
  });
}

/** The lines of a text file, one after the other; all must end in a newline. */
function* linesOf(path: string): Generator<string> {
  using file = Deno.openSync(path);
  const chunk = new Uint8Array(1 << 18), decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const read = file.readSync(chunk);
    if (read === null) break;
    const text = rest +
      decoder.decode(chunk.subarray(0, read), { stream: true });
    const lines = text.split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") throw new Error("its last line is incomplete");
}

/** Yields the entries of an index, image by image; returns its header. */
function* entriesOf(
  index: string,
  dir: string,
): Generator<Entry, Header, undefined> {
  try {
    let header: Header | undefined, count = 0;
    for (const line of linesOf(index)) {
      if (header === undefined) {
        header = JSON.parse(line) as Header;
        const known = header.format === FORMAT &&
          typeof header.name === "string" && Array.isArray(header.classes);
        if (!known) throw new Error(`its format is not ${FORMAT}`);
        continue;
      }
      const [label = "", size, ...rest] = line.split("\t");
      const place: string = JSON.parse(rest.join("\t"));
      const most = Math.max(1, header.classes.length);
      const isLabel = /^\d+$/.test(label) && Number(label) < most;
      if (!isLabel || typeof place !== "string") {
        throw new Error(`line ${count + 2} names no image`);
      }
      const path = place.startsWith("/") ? place : `${dir}/${place}`;
      yield { label: Number(label), size: Number(size), path };
      count++;
    }
    if (header === undefined || header.count !== count) {
      throw new Error(`it has ${count} of its ${header?.count ?? 0} images`);
    }
    return header;
  } catch (error) {
    throw indexError(index, messageOf(error), REMEDY);
  }
}

/**
 * Opens a data set from its index, without reading its folders.
 *
 * @param index The index.
 * @param dir The folder of the data set, which may have moved since.
 * @throws {EmpSslError} `INVALID_DATA` where the index is damaged or incomplete.
 */
export function openByIndex(index: string, dir: string): ImageFiles {
  const builder = new FileTableBuilder(), entries = entriesOf(index, dir);
  let next = entries.next();
  for (; !next.done; next = entries.next()) {
    builder.add(next.value.path, next.value.label);
  }
  const { name, classes } = next.value;
  return new ImageFiles(name, classes, builder.finish());
}

/**
 * Checks that the files of an index still have the sizes recorded in it.
 *
 * @throws {EmpSslError} `INVALID_DATA`, naming the first changed or missing file.
 */
export async function checkFileIndex(
  index: string,
  dir: string,
  signal?: AbortSignal,
): Promise<void> {
  let count = 0, changed = 0, first = "";
  for (const { path, size } of entriesOf(index, dir)) {
    if (count++ % WRITTEN_LINES === 0) {
      await breathe();
      signal?.throwIfAborted();
    }
    const now = fileSize(path);
    if ((now ?? -1) === size) continue;
    changed++;
    first ||= `${path} (${
      now === undefined ? "missing" : `${now} bytes instead of ${size}`
    })`;
  }
  if (changed === 0) return;
  throw indexError(
    dir,
    `${changed} of ${count} images have changed since the run began; ` +
      `the first is ${first}`,
    REMEDY,
  );
}
