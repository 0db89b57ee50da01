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
  let root: string | undefined;
  for (const name of SPLIT_FOLDERS[split]) {
    if (root === undefined && await isFolder(`${dir}/${name}`)) {
      root = `${dir}/${name}`;
    }
  }
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
