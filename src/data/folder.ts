/**
 * Any folder of images: `train/<class>/*` and `test/<class>/*` (or `val/`); or, for
 * training only, images without labels in any folders.
 *
 * @module
 */
import { errorMaker } from "../common/errors.ts";
import { whyNoFolder } from "../common/files.ts";
import type { Dataset, Split } from "./dataset.ts";
import type { FileTable } from "./file_table.ts";
import {
  foldersIn,
  ImageFiles,
  imagesIn,
  imagesInAnyFolder,
  imagesOfClasses,
  isFolder,
  type Search,
} from "./image_files.ts";

/** The names of a split's folder, in order of preference; case is ignored. */
const SPLIT_FOLDERS: Record<Split, string[]> = {
  train: ["train", "training"],
  test: ["test", "val", "validation", "valid", "testing"],
};

const notFound = errorMaker("open image folder", "NOT_FOUND");
const invalidData = errorMaker("open image folder", "INVALID_DATA");

/**
 * Opens all images under a folder, at any depth, without labels.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is no folder, or no image in it.
 */
export async function openImages(
  { dir: root, ...search }: { dir: string; split: Split } & Search,
): Promise<Dataset> {
  if (!await isFolder(root)) {
    const found = await whyNoFolder(root);
    throw notFound(root, found, "name one with --data-dir");
  }
  const files = await imagesInAnyFolder(root, search);
  if (files.count === 0) {
    const others = await endingsIn([
      root,
      ...(await foldersIn(root)).map((name) => `${root}/${name}`),
    ]);
    throw notFound(
      root,
      `no image in it in a readable format${others}`,
      "put JPEG, PNG or WebP files there",
    );
  }
  return new ImageFiles("folder", [], files);
}

/** Those of some folder names that may be a split's, in order of preference. */
function splitFolders(names: string[], split: Split): string[] {
  return SPLIT_FOLDERS[split].flatMap((wanted) =>
    names.filter((name) => name.toLowerCase() === wanted)
  );
}

/**
 * The folder of a split. Of several test folders, the one with the same classes as
 * the training folder is taken: many data sets have a `test` without labels beside
 * `val`.
 *
 * @throws {EmpSslError} `INVALID_DATA` where there are two training folders.
 */
async function findSplit(
  dir: string,
  split: Split,
): Promise<string | undefined> {
  const names = await foldersIn(dir);
  const [train, second] = splitFolders(names, "train");
  if (second !== undefined) {
    throw invalidData(
      dir,
      `both ${train}/ and ${second}/ are in it`,
      "move one of them away",
    );
  }
  if (split === "train") return train && `${dir}/${train}`;
  const there = splitFolders(names, "test").map((name) => `${dir}/${name}`);
  if (there.length < 2 || train === undefined) return there[0];
  const known = new Set(await foldersIn(`${dir}/${train}`));
  for (const path of there) {
    const classes = await foldersIn(path);
    if (classes.length > 0 && classes.every((name) => known.has(name))) {
      return path;
    }
  }
  return there[0];
}

/**
 * Refuses a folder that has a test folder but no training folder, or that holds a
 * whole data set one level down: otherwise training would use all images in it, also
 * those for testing, without labels.
 */
async function refuseMisplaced(dir: string): Promise<void> {
  const names = await foldersIn(dir);
  const [test] = splitFolders(names, "test");
  if (test !== undefined) {
    throw invalidData(
      dir,
      `it has ${test}/ and no train/`,
      `put the training images in train/<class>/, or, to train on all of them ` +
        "without labels, take --data images",
    );
  }
  for (const name of names) {
    const [train] = splitFolders(await foldersIn(`${dir}/${name}`), "train");
    if (train === undefined) continue;
    throw invalidData(
      dir,
      `${name}/${train}/ lies one level down`,
      `give --data-dir ${dir}/${name}`,
    );
  }
}

/**
 * Opens a folder of images. Classes are the sub-folders of the split's folder,
 * in alphabetical order, as torchvision's `ImageFolder` has them. Where there
 * is no `train` folder, or no sub-folder in it, all images are for training, without
 * labels.
 *
 * @throws {EmpSslError} `NOT_FOUND` where the folder, its split or any image
 * in it is missing.
 */
export async function openFolder(
  { dir, split, ...search }: { dir: string; split: Split } & Search,
): Promise<Dataset> {
  if (!await isFolder(dir)) {
    const found = await whyNoFolder(dir);
    throw notFound(dir, found, "name one with --data-dir");
  }
  const root = await findSplit(dir, split);
  if (root === undefined) {
    if (split === "train") {
      await refuseMisplaced(dir);
      return await openImages({ dir, split, ...search });
    }
    const names = SPLIT_FOLDERS[split].map((name) => `${name}/`).join(" or ");
    throw notFound(
      dir,
      `no ${names} in it, and evaluation needs test images with labels`,
      `put them in ${SPLIT_FOLDERS[split][0]}/<class>/, and the others in ` +
        `${SPLIT_FOLDERS.train[0]}/<class>/`,
    );
  }
  const classes = await foldersIn(root);
  if (classes.length === 0 && split === "train") {
    return await openImages({ dir: root, split, ...search });
  }
  const files = await imagesOfClasses(root, classes, search);
  if (files.count === 0) {
    throw notFound(
      root,
      "no image file in any class folder",
      "put JPEG, PNG or WebP files in <class>/ folders",
    );
  }
  await refuseEmptyClasses(root, classes, files);
  await refuseLoose(root, files.count);
  return new ImageFiles("folder", classes, files);
}

/** Refuses a folder of which most images are in no class folder. */
async function refuseLoose(root: string, count: number): Promise<void> {
  const loose = await imagesIn(root);
  if (loose.length <= count) return;
  throw invalidData(
    root,
    `${loose.length} images, such as ${loose[0]}, lie beside its class ` +
      `folders, which have only ${count}`,
    "put them in class folders, or, to train without labels, take --data images",
  );
}

/** The endings of the files in some folders, for a message: ` (only .heic, .txt)`. */
async function endingsIn(dirs: string[]): Promise<string> {
  const endings = new Set<string>();
  for (const dir of dirs) {
    for await (const { name, isFile } of Deno.readDir(dir)) {
      const ending = isFile && /[^.]\.(\w+)$/.exec(name)?.[1];
      if (ending) endings.add(`.${ending.toLowerCase()}`);
    }
  }
  if (endings.size === 0) return "";
  return ` (only ${[...endings].sort().slice(0, 4).join(", ")})`;
}

/** Refuses classes without an image, as torchvision's `ImageFolder` does. */
async function refuseEmptyClasses(
  root: string,
  classes: readonly string[],
  { labels }: FileTable,
): Promise<void> {
  const filled = new Set(labels);
  const empty = classes.filter((_, label) => !filled.has(label));
  if (empty.length === 0) return;
  const others = await endingsIn([`${root}/${empty[0]}`]);
  throw invalidData(
    root,
    `${empty.length} of its ${classes.length} classes have no image in a ` +
      `readable format, such as ${empty[0]}/${others}`,
    "convert them to PNG or JPEG, or move the folders away",
  );
}
