/**
 * The index of a data set of files: name, size and class of each image. A run
 * keeps one beside it, so that its threads do not search the folders again, and
 * so that a run that goes on sees the images that it began with.
 *
 * @module
 */
import { errorMaker, messageOf } from "../errors.ts";
import type { LabelledFile } from "./file_table.ts";
import { ImageFiles } from "./image_files.ts";

const indexError = errorMaker("use the images of", "INVALID_DATA");
const REMEDY = "put them back, or start another run";

const FORMAT = "emp-ssl-images/1";

interface Header {
  format: string;
  name: string;
  classes: readonly string[];
  count: number;
}

interface Entry extends LabelledFile {
  size: number;
}

/** Of what is under `dir`, its place there; of the rest, the whole path. */
function placeIn(dir: string, path: string): string {
  const place = path.slice(dir.length + 1);
  const inside = path.startsWith(`${dir}/`) && !place.startsWith("/");
  return inside ? place : path;
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch {
    // Reading it will say why.
    return undefined;
  }
}

/**
 * The index of a data set, as text: a line of JSON about the set, then class,
 * size in bytes and path of each image.
 *
 * @param dir The folder that paths are given in.
 */
export function encodeFileIndex(dataset: ImageFiles, dir: string): Uint8Array {
  const { name, classes, length } = dataset;
  const header: Header = { format: FORMAT, name, classes, count: length };
  const lines = [JSON.stringify(header)];
  for (let i = 0; i < length; i++) {
    const path = dataset.describe(i), size = sizeOf(path) ?? -1;
    const place = JSON.stringify(placeIn(dir, path));
    lines.push(`${dataset.label(i)}\t${size}\t${place}`);
  }
  return new TextEncoder().encode(lines.join("\n") + "\n");
}

function parse(index: string, dir: string): { header: Header; all: Entry[] } {
  try {
    const [first, ...lines] = Deno.readTextFileSync(index).trimEnd().split(
      "\n",
    );
    const header: Header = JSON.parse(first);
    const whole = header.format === FORMAT && header.count === lines.length &&
      typeof header.name === "string" && Array.isArray(header.classes);
    if (!whole) throw new Error(`it is no whole ${FORMAT}`);
    const most = Math.max(1, header.classes.length);
    const all = lines.map((line, i) => {
      const [label, size, ...rest] = line.split("\t");
      const place: string = JSON.parse(rest.join("\t"));
      const path = place.startsWith("/") ? place : `${dir}/${place}`;
      if (!(Number(label) < most)) throw new Error(`line ${i + 2} is not one`);
      return { label: Number(label), size: Number(size), path };
    });
    return { header, all };
  } catch (error) {
    throw indexError(index, messageOf(error), REMEDY);
  }
}

/**
 * Opens a data set by its index, without a look at its files.
 *
 * @param index The index.
 * @param dir The folder of the data set, which may have moved.
 * @throws {EmpSslError} `INVALID_DATA` where it is not a whole index.
 */
export function openByIndex(index: string, dir: string): ImageFiles {
  const { header, all } = parse(index, dir);
  return new ImageFiles(header.name, header.classes, all);
}

/**
 * Checks that the files of an index are still what they were, by their sizes.
 *
 * @throws {EmpSslError} `INVALID_DATA`, naming the first that is not.
 */
export function checkFileIndex(index: string, dir: string): void {
  const { all } = parse(index, dir);
  const changed = all.filter(({ path, size }) => (sizeOf(path) ?? -1) !== size);
  if (changed.length === 0) return;
  const [{ path, size }] = changed, now = sizeOf(path);
  throw indexError(
    dir,
    `${changed.length} of ${all.length} are not what they were when the run ` +
      `began; the first is ${path} (${
        now === undefined ? "missing" : `${now} bytes for ${size}`
      })`,
    REMEDY,
  );
}
