/**
 * Tiny ImageNet in its own layout: `train/<wnid>/images/*.JPEG`, and
 * `val/images/*.JPEG` with the classes in `val/val_annotations.txt`. Its own test
 * split has no labels, so `val` is used as the test split, as is usual.
 *
 * Source: Le and Yang, «Tiny ImageNet Visual Recognition Challenge», 2015.
 *
 * @module
 */
import { errorMaker } from "../common/errors.ts";
import type { Dataset, Split } from "./dataset.ts";
import {
  foldersIn,
  ImageFiles,
  imagesOfClasses,
  isFolder,
  type Search,
} from "./image_files.ts";
import type { LabelledFile } from "./file_table.ts";

const notFound = errorMaker("open", "NOT_FOUND");
const invalidData = errorMaker("open", "INVALID_DATA");

const FOLDER = "tiny-imagenet-200";

/** The folder that holds `train` and `val`: `dir`, or the archive's folder in it. */
async function findRoot(dir: string): Promise<string> {
  for (const candidate of [dir, `${dir}/${FOLDER}`]) {
    if (await isFolder(`${candidate}/train`)) return candidate;
  }
  throw notFound(
    `Tiny ImageNet in ${dir}`,
    await isFolder(dir) ? "no train/ in it" : "no such folder",
    `unpack ${FOLDER}.zip there, or name its folder with --data-dir`,
  );
}

/** The files of `val`, each with its class. */
async function validationFiles(
  root: string,
  labels: Map<string, number>,
): Promise<LabelledFile[]> {
  const path = `${root}/val/val_annotations.txt`;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch {
    throw notFound(path, "no such file", `unpack ${FOLDER}.zip again`);
  }
  return text.split("\n").filter((line) => line.trim()).map((line, i) => {
    const [file = "", wnid = ""] = line.split("\t");
    const label = labels.get(wnid);
    if (label === undefined || !/^[\w.-]+$/.test(file)) {
      throw invalidData(
        path,
        `line ${i + 1} names the class ${wnid}, which train/ does not have`,
        `unpack ${FOLDER}.zip again`,
      );
    }
    return { path: `${root}/val/images/${file}`, label };
  });
}

/**
 * Opens Tiny ImageNet in a folder or in `tiny-imagenet-200` under it. Classes
 * are the folders of `train`, in alphabetical order.
 *
 * @throws {EmpSslError} `NOT_FOUND` where a folder or the list of annotations
 * is missing; `INVALID_DATA` where that list names an unknown class.
 */
export async function openTinyImagenet(
  { dir, split, ...search }: { dir: string; split: Split } & Search,
): Promise<Dataset> {
  const root = await findRoot(dir);
  const classes = await foldersIn(`${root}/train`);
  const files = split === "train"
    ? await imagesOfClasses(`${root}/train`, classes, search)
    : await validationFiles(root, new Map(classes.map((name, i) => [name, i])));
  const dataset = new ImageFiles("tinyimagenet", classes, files);
  if (dataset.length === 0) {
    throw notFound(
      root,
      `no ${split} image in it`,
      `unpack ${FOLDER}.zip again`,
    );
  }
  return dataset;
}
