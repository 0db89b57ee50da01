/**
 * Data sets whose images are files of their own.
 *
 * @module
 */
import { EmpSslError, messageOf } from "../errors.ts";
import type { Dataset } from "./dataset.ts";
import { decodeFile } from "./decode.ts";
import type { Image } from "./image.ts";

const IMAGE = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

/** An image file and its class. */
export interface LabelledFile {
  /** The file. */
  path: string;
  /** Index of its class. */
  label: number;
}

/** Images by their paths; each is read when it is asked for. */
export class ImageFiles implements Dataset {
  /** The data set's name. */
  readonly name: string;
  /** How many images there are. */
  readonly length: number;
  /** The names of the classes; none where the images have no labels. */
  readonly classes: readonly string[];
  #paths: string[];
  #labels: Uint16Array;
  #decode: (path: string) => Promise<Image> = decodeFile;

  /** Over files that are known to be there. */
  constructor(
    name: string,
    classes: readonly string[],
    files: LabelledFile[],
  ) {
    this.name = name;
    this.classes = classes;
    this.length = files.length;
    this.#paths = files.map((file) => file.path);
    this.#labels = Uint16Array.from(files, (file) => file.label);
  }

  /** Lets something else decode the files. */
  decodeWith(decode: (path: string) => Promise<Image>): this {
    this.#decode = decode;
    return this;
  }

  /** See {@linkcode Dataset.label}. */
  label(index: number): number {
    return this.#labels[index];
  }

  /** See {@linkcode Dataset.describe}. */
  describe(index: number): string {
    return this.#paths[index];
  }

  /** See {@linkcode Dataset.image}. */
  image(index: number): Promise<Image> {
    return this.#decode(this.#paths[index]);
  }
}

/**
 * All image files under a folder, in a stable order. Hidden files and folders
 * are left out, and files that are no images; links are followed, but not into
 * a folder that is being read.
 */
export async function imagesUnder(dir: string): Promise<string[]> {
  const real = await Deno.realPath(dir).catch(() => dir);
  return await walk(dir, [real]);
}

/** The entries of a folder; one that cannot be read is named. */
async function entriesOf(dir: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(dir));
  } catch (error) {
    throw new EmpSslError({
      action: "search",
      subject: dir,
      found: error instanceof Deno.errors.PermissionDenied
        ? "permission denied"
        : messageOf(error),
      remedy: "make it readable, or move it away",
      code: "INVALID_DATA",
      cause: error,
    });
  }
}

async function walk(
  dir: string,
  above: string[],
  found: string[] = [],
): Promise<string[]> {
  const entries = await entriesOf(dir);
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const path = `${dir}/${entry.name}`;
    let { isDirectory } = entry, inside = above;
    if (entry.isSymlink) {
      isDirectory = await isFolder(path);
      if (isDirectory) {
        const real = await Deno.realPath(path);
        const here = await Deno.realPath(dir);
        if (above.includes(real) || `${here}/`.startsWith(`${real}/`)) continue;
        inside = [...above, real];
      }
    }
    if (isDirectory) await walk(path, inside, found);
    else if (IMAGE.test(entry.name)) found.push(path);
  }
  return found;
}

/** The images of the folders of some classes; labels are places in the list. */
export async function imagesOfClasses(
  root: string,
  classes: readonly string[],
): Promise<LabelledFile[]> {
  const files: LabelledFile[] = [];
  for (const [label, name] of classes.entries()) {
    for (const path of await imagesUnder(`${root}/${name}`)) {
      files.push({ path, label });
    }
  }
  return files;
}

/** Whether a path is a folder, or a link to one. */
export async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then((s) => s.isDirectory, () => false);
}

/** The folders in a folder, links to folders among them, by name. */
export async function foldersIn(dir: string): Promise<string[]> {
  const names: string[] = [];
  for (const { name, isFile, isSymlink } of await entriesOf(dir)) {
    if (isFile || name.startsWith(".")) continue;
    if (!isSymlink || await isFolder(`${dir}/${name}`)) names.push(name);
  }
  return names.sort();
}
