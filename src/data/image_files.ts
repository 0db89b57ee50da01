/**
 * Data sets in which each image is a separate file.
 *
 * @module
 */
import { errorMaker, messageOf } from "../common/errors.ts";
import type { Dataset, SharedData } from "./dataset.ts";
import {
  type FileTable,
  FileTableBuilder,
  type LabelledFile,
  pathOf,
} from "./file_table.ts";
import { decodeFile } from "./decode.ts";
import type { Image, PixelFormat } from "./image.ts";
import { IMAGE_ENDINGS, UNREADABLE_ENDINGS } from "./image_endings.ts";

const searchError = errorMaker("search", "INVALID_DATA");

const IMAGE = new RegExp(`\\.(${IMAGE_ENDINGS.join("|")}|npy)$`, "i");
const UNREADABLE = new RegExp(`\\.(${UNREADABLE_ENDINGS.join("|")})$`, "i");

/** Images by path, read on demand. */
export class ImageFiles implements Dataset {
  /** The data set's name. */
  readonly name: string;
  /** How many images there are. */
  readonly length: number;
  /** The names of the classes; empty where the images have no labels. */
  readonly classes: readonly string[];
  /** The files. */
  readonly table: FileTable;
  #decode: (path: string) => Promise<Image> = (path) => decodeFile(path);

  /** For files that are known to exist. */
  constructor(
    name: string,
    classes: readonly string[],
    files: LabelledFile[] | FileTable,
  ) {
    this.name = name;
    this.classes = classes;
    this.table = Array.isArray(files) ? tableOf(files) : files;
    this.length = this.table.count;
  }

  /** See {@linkcode Dataset.share}. */
  share(): SharedData {
    const { name, classes, table } = this;
    return { kind: "files", name, classes, table };
  }

  /** Replaces the decoder of the files. */
  decodeWith(decode: (path: string) => Promise<Image>): this {
    this.#decode = decode;
    return this;
  }

  /** See {@linkcode Dataset.decodeAs}. */
  decodeAs(pixels: PixelFormat): void {
    this.#decode = (path) => decodeFile(path, { pixels });
  }

  /** See {@linkcode Dataset.label}. */
  label(index: number): number {
    return this.table.labels[index]!;
  }

  /** See {@linkcode Dataset.describe}. */
  describe(index: number): string {
    return pathOf(this.table, index);
  }

  /** See {@linkcode Dataset.image}. */
  image(index: number): Promise<Image> {
    return this.#decode(pathOf(this.table, index));
  }
}

function tableOf(files: LabelledFile[]): FileTable {
  const builder = new FileTableBuilder();
  for (const { path, label } of files) builder.add(path, label);
  return builder.finish();
}

/** How a search for images reports its progress. */
export interface Search {
  /** Called after each thousand images, with the number found so far. */
  onFound?: (images: number) => void;
  /** Called with the path of each image that is left out for its format. */
  onUnreadable?: (path: string) => void;
}

/** Images between two calls of `onFound`. */
const FOUND_EVERY = 1000;

/**
 * All image files under a folder, in a stable order. Hidden files and folders are
 * skipped, and files that are not images. Symbolic links are followed, except to a
 * folder that contains them (a cycle).
 */
export async function imagesUnder(dir: string): Promise<string[]> {
  const found: string[] = [];
  await searchImages(dir, { onImage: (path) => void found.push(path) });
  return found;
}

/** Callbacks for each image of a search, and for those that are not read. */
interface Walk extends Pick<Search, "onUnreadable"> {
  onImage: (path: string) => void;
}

/** As {@linkcode imagesUnder}, with a callback for each image. */
async function searchImages(dir: string, callbacks: Walk): Promise<void> {
  const real = await Deno.realPath(dir).catch(() => dir);
  await walk(dir, [real], callbacks);
}

/** The entries of a folder; throws an error that names a folder it cannot read. */
async function entriesOf(dir: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(dir));
  } catch (error) {
    const found = error instanceof Deno.errors.PermissionDenied
      ? "permission denied"
      : messageOf(error);
    throw searchError(dir, found, "make it readable, or move it away", error);
  }
}

/** What Deno puts in a file name for bytes that are not UTF-8. */
const UNDECODED = "\uFFFD";

/** The folder in which Synology's servers keep thumbnails of a folder's images. */
const THUMBNAILS = "@eaDir";

/** Whether a `.npy` file has an image of the same name beside it: then it is no image. */
function besideImage(name: string, names: Set<string>): boolean {
  if (!/\.npy$/i.test(name)) return false;
  const stem = name.slice(0, -".npy".length);
  return IMAGE_ENDINGS.some((ending) =>
    names.has(`${stem}.${ending}`) ||
    names.has(`${stem}.${ending.toUpperCase()}`)
  );
}

async function walk(
  dir: string,
  above: string[],
  callbacks: Walk,
): Promise<void> {
  const entries = await entriesOf(dir);
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  const names = new Set(entries.map(({ name }) => name));
  for (const entry of entries) {
    if (entry.name.startsWith(".") || entry.name === THUMBNAILS) continue;
    const path = `${dir}/${entry.name}`;
    let { isDirectory } = entry, inside = above;
    const isImage = IMAGE.test(entry.name) && !besideImage(entry.name, names);
    if (entry.name.includes(UNDECODED) && (isDirectory || isImage)) {
      throw searchError(
        dir,
        `the name of "${entry.name}" is not UTF-8`,
        "rename it (convmv -f latin1 -t utf8 renames many)",
      );
    }
    if (entry.isSymlink) {
      isDirectory = await isFolder(path);
      if (isDirectory) {
        const real = await Deno.realPath(path);
        const here = await Deno.realPath(dir);
        if (above.includes(real) || isWithin(here, real)) continue;
        inside = [...above, real];
      }
    }
    if (isDirectory) await walk(path, inside, callbacks);
    // Neither pipes nor devices, which could be read forever.
    else if (isImage && (entry.isFile || entry.isSymlink)) {
      callbacks.onImage(path);
    } else if (UNREADABLE.test(entry.name)) callbacks.onUnreadable?.(path);
  }
}

/** Adds all images under a folder to a table. */
async function addImages(
  builder: FileTableBuilder,
  dir: string,
  { label, onFound, onUnreadable }: { label: number } & Search,
): Promise<void> {
  const onImage = (path: string) => {
    builder.add(path, label);
    if (builder.count % FOUND_EVERY === 0) onFound?.(builder.count);
  };
  await searchImages(dir, { onImage, onUnreadable });
}

/** The images of some class folders; labels are indices into `classes`. */
export async function imagesOfClasses(
  root: string,
  classes: readonly string[],
  search: Search = {},
): Promise<FileTable> {
  const builder = new FileTableBuilder();
  for (const [label, name] of classes.entries()) {
    await addImages(builder, `${root}/${name}`, { label, ...search });
  }
  return builder.finish();
}

/** All images under a folder, without classes. */
export async function imagesInAnyFolder(
  root: string,
  search: Search = {},
): Promise<FileTable> {
  const builder = new FileTableBuilder();
  await addImages(builder, root, { label: 0, ...search });
  return builder.finish();
}

/** Whether a path is a folder, or a link to one. */
export async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then((s) => s.isDirectory, () => false);
}

/** The names of the images in a folder itself. */
export async function imagesIn(dir: string): Promise<string[]> {
  const names = (await entriesOf(dir)).map(({ name }) => name);
  return names.filter((name) => !name.startsWith(".") && IMAGE.test(name));
}

/**
 * The names of the subfolders of a folder, sorted; links to folders count too, except
 * to a folder that contains them.
 */
export async function foldersIn(dir: string): Promise<string[]> {
  const names: string[] = [];
  for (const { name, isFile, isSymlink } of await entriesOf(dir)) {
    if (isFile || name.startsWith(".") || name === THUMBNAILS) continue;
    if (isSymlink) {
      const path = `${dir}/${name}`;
      if (!await isFolder(path)) continue;
      const here = await Deno.realPath(dir);
      if (isWithin(here, await Deno.realPath(path))) continue;
    }
    names.push(name);
  }
  return names.sort();
}

/** Whether a real path is a folder, or lies in it. */
function isWithin(path: string, folder: string): boolean {
  return `${path}/`.startsWith(`${folder}/`);
}
