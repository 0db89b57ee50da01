/**
 * Any folder of images: `train/<class>/*` and `test/<class>/*` (or `val/`); or,
 * to train on only, images without labels in any folders.
 *
 * @module
 */
import { EmpSslError } from "../errors.ts";
import { whyNoFolder } from "../files.ts";
import type { Dataset, Split } from "./dataset.ts";
import {
  foldersIn,
  ImageFiles,
  imagesOfClasses,
  imagesUnder,
  isFolder,
} from "./image_files.ts";

const SPLIT_FOLDERS: Record<Split, string[]> = {
  train: ["train"],
  test: ["test", "val", "validation"],
};

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
 * Opens all images that are anywhere under a folder, without labels.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is none.
 */
export async function openImages(
  { dir: root }: { dir: string; split: Split },
): Promise<Dataset> {
  if (!await isFolder(root)) {
    const found = await whyNoFolder(root);
    throw notFound(root, found, "name one with --data-dir");
  }
  const paths = await imagesUnder(root);
  if (paths.length === 0) {
    throw notFound(root, "no image in it", "put JPEG, PNG or WebP files there");
  }
  return new ImageFiles(
    "folder",
    [],
    paths.map((path) => ({ path, label: 0 })),
  );
}

/**
 * The folder of a split. Where there are several for testing, the one with the
 * classes of `train` is it: many sets have a `test` without labels beside `val`.
 */
async function findSplit(
  dir: string,
  split: Split,
): Promise<string | undefined> {
  const all = SPLIT_FOLDERS[split].map((name) => `${dir}/${name}`);
  const there: string[] = [];
  for (const path of all) if (await isFolder(path)) there.push(path);
  const train = `${dir}/${SPLIT_FOLDERS.train[0]}`;
  if (there.length < 2 || !await isFolder(train)) return there[0];
  const wanted = (await foldersIn(train)).join("/");
  for (const path of there) {
    if ((await foldersIn(path)).join("/") === wanted) return path;
  }
  return there[0];
}

/**
 * Opens a folder of images. Classes are the sub-folders of the split's folder,
 * in alphabetical order, as torchvision's `ImageFolder` has them. Where there
 * is no `train` folder, or no sub-folder in it, the images have no labels, and
 * all are for training.
 *
 * @throws {EmpSslError} `NOT_FOUND` where the folder, its split or any image
 * in it is missing.
 */
export async function openFolder(
  { dir, split }: { dir: string; split: Split },
): Promise<Dataset> {
  if (!await isFolder(dir)) {
    const found = await whyNoFolder(dir);
    throw notFound(dir, found, "name one with --data-dir");
  }
  const root = await findSplit(dir, split);
  if (root === undefined) {
    if (split === "train") return await openImages({ dir, split });
    const names = SPLIT_FOLDERS[split].map((name) => `${name}/`).join(" or ");
    throw notFound(
      dir,
      `no ${names} in it, and evaluation needs test images with labels`,
      `put them in ${SPLIT_FOLDERS[split][0]}/<class>/`,
    );
  }
  const classes = await foldersIn(root);
  if (classes.length === 0 && split === "train") {
    return await openImages({ dir: root, split });
  }
  const files = await imagesOfClasses(root, classes);
  if (files.length === 0) {
    throw notFound(
      root,
      "no image file in a folder of a class",
      "put JPEG, PNG or WebP files in <class>/ folders",
    );
  }
  return new ImageFiles("folder", classes, files);
}
