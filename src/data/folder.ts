/**
 * Any folder of images: `train/<class>/*` and `test/<class>/*` (or `val/`).
 *
 * @module
 */
import { EmpSslError } from "../errors.ts";
import type { Dataset, Split } from "./dataset.ts";
import { decodeFile } from "./decode.ts";
import type { Image } from "./image.ts";

const IMAGE = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp|ppm)$/i;
const SPLIT_FOLDERS: Record<Split, string[]> = {
  train: ["train"],
  test: ["test", "val", "validation"],
};

class FolderDataset implements Dataset {
  readonly name = "folder";
  readonly length: number;
  readonly classes: readonly string[];
  #paths: string[];
  #labels: Uint16Array;

  constructor(classes: string[], paths: string[], labels: Uint16Array) {
    this.classes = classes;
    this.length = paths.length;
    this.#paths = paths;
    this.#labels = labels;
  }

  label(index: number): number {
    return this.#labels[index];
  }

  describe(index: number): string {
    return this.#paths[index];
  }

  image(index: number): Promise<Image> {
    return decodeFile(this.#paths[index]);
  }
}

/** All image files under a folder, in a stable order; hidden ones left out. */
async function imagesUnder(dir: string): Promise<string[]> {
  const found: string[] = [];
  const entries = await Array.fromAsync(Deno.readDir(dir));
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const path = `${dir}/${entry.name}`;
    const isDirectory = entry.isSymlink
      ? await Deno.stat(path).then((s) => s.isDirectory, () => false)
      : entry.isDirectory;
    if (isDirectory) found.push(...await imagesUnder(path));
    else if (IMAGE.test(entry.name)) found.push(path);
  }
  return found;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then((s) => s.isDirectory, () => false);
}

function notFound(dir: string, found: string, remedy: string): EmpSslError {
  return new EmpSslError({
    action: "open image folder",
    subject: dir,
    found,
    remedy,
    code: "NOT_FOUND",
  });
}

/**
 * Opens a folder of images. Classes are the sub-folders of the split's folder,
 * in alphabetical order, as torchvision's `ImageFolder` has them.
 *
 * @throws {EmpSslError} `NOT_FOUND` where the folder, its split or any image
 * in it is missing.
 */
export async function openFolder(
  { dir, split }: { dir: string; split: Split },
): Promise<Dataset> {
  if (!await exists(dir)) {
    throw notFound(dir, "no such folder", "name one with --data-dir");
  }
  const candidates = SPLIT_FOLDERS[split].map((name) => `${dir}/${name}`);
  let root: string | undefined;
  for (const candidate of candidates) {
    if (root === undefined && await exists(candidate)) root = candidate;
  }
  if (root === undefined) {
    throw notFound(
      dir,
      `no ${
        candidates.map((c) => c.slice(dir.length + 1)).join("/ or ")
      }/ in it`,
      `put the images in ${SPLIT_FOLDERS[split][0]}/<class>/`,
    );
  }
  const classes = (await Array.fromAsync(Deno.readDir(root)))
    .filter((e) => !e.isFile && !e.name.startsWith("."))
    .map((e) => e.name).sort();
  const paths: string[] = [];
  const labels: number[] = [];
  for (const [label, name] of classes.entries()) {
    for (const path of await imagesUnder(`${root}/${name}`)) {
      paths.push(path);
      labels.push(label);
    }
  }
  if (paths.length === 0) {
    throw notFound(
      root,
      "no image file in a folder of a class",
      "put JPEG, PNG or WebP files in <class>/ folders",
    );
  }
  return new FolderDataset(classes, paths, Uint16Array.from(labels));
}
