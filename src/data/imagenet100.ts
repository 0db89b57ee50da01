/**
 * ImageNet-100: a hundred classes of a full ImageNet, or a folder with only these.
 * ImageNet itself cannot be downloaded without an account.
 *
 * Images are in `train/<wnid>/` and `val/<wnid>/`; or `val` is flat, and a file
 * beside it lists the class of each image: `LOC_val_solution.csv` of Kaggle's
 * archive, or the development kit's `ILSVRC2012_validation_ground_truth.txt` with
 * `map_clsloc.txt` (lines of `wnid number name`) or `meta.mat`.
 *
 * @module
 */
import { errorMaker } from "../common/errors.ts";
import { readMatlabStructs } from "./matlab.ts";
import type { Dataset, Split } from "./dataset.ts";
import {
  ImageFiles,
  imagesOfClasses,
  imagesUnder,
  isFolder,
  type Search,
} from "./image_files.ts";
import type { FileTable, LabelledFile } from "./file_table.ts";
import { IMAGENET100_CLASSES } from "./imagenet100_classes.ts";

const notFound = errorMaker("open ImageNet-100 in", "NOT_FOUND");
const invalidData = errorMaker("open ImageNet-100 in", "INVALID_DATA");

/** Where the split folders may be: in the folder itself, or as in Kaggle's archive. */
const ROOTS = ["", "/ILSVRC/Data/CLS-LOC"];
const SPLIT_FOLDERS: Record<Split, string[]> = {
  train: ["train"],
  test: ["val", "test", "validation"],
};

/** The list of classes: built in, or from a file with one WordNet id per line. */
async function readClasses(file: string | undefined): Promise<string[]> {
  if (file === undefined) return [...IMAGENET100_CLASSES].sort();
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch {
    throw notFound(
      file,
      "no such file (a list of classes)",
      "name one with --classes",
    );
  }
  const classes = text.split("\n").map((line) => line.trim().split(/\s/)[0]!)
    .filter((name) => name && !name.startsWith("#"));
  const bad = classes.find((name) => !/^[\w.-]+$/.test(name));
  if (classes.length === 0 || bad !== undefined) {
    throw invalidData(
      file,
      bad === undefined ? "it names no class" : `"${bad}" is not a folder name`,
      "put one folder name, such as n01558993, on each line",
    );
  }
  return [...new Set(classes)].sort();
}

async function findSplit(dir: string, split: Split): Promise<string> {
  for (const root of ROOTS) {
    for (const name of SPLIT_FOLDERS[split]) {
      if (await isFolder(`${dir}${root}/${name}`)) {
        return `${dir}${root}/${name}`;
      }
    }
  }
  throw notFound(
    dir,
    await isFolder(dir)
      ? `no ${SPLIT_FOLDERS[split][0]}/ in it`
      : "no such folder",
    "name a folder with train/<wnid>/ and val/<wnid>/ with --data-dir",
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await Deno.readTextFile(path).catch(() => undefined);
}

/** WordNet id of each class number, from `map_clsloc.txt` or `meta.mat`. */
async function wnidsByNumber(
  dir: string,
  place: string,
): Promise<Map<number, string> | undefined> {
  const map = await readIfThere(`${place}/map_clsloc.txt`) ??
    await readIfThere(`${dir}/map_clsloc.txt`);
  if (map !== undefined) {
    return new Map(
      map.split("\n").filter((line) => line.trim()).map((line) => {
        const [wnid, number] = line.split(" ");
        return [Number(number), wnid!];
      }),
    );
  }
  const path = `${place}/meta.mat`;
  const meta = await Deno.readFile(path).catch(() => undefined);
  if (meta === undefined) return undefined;
  return new Map(
    readMatlabStructs(meta, path).map((synset) => [
      Number(synset.ILSVRC2012_ID),
      String(synset.WNID),
    ]),
  );
}

/** WordNet id of each image of a flat `val`, by the image's name. */
async function flatLabels(
  dir: string,
  folder: string,
): Promise<Map<string, string>> {
  const near = [
    dir,
    folder,
    `${folder}/..`,
    `${dir}/ILSVRC2012_devkit_t12/data`,
  ];
  for (const place of near) {
    const csv = await readIfThere(`${place}/LOC_val_solution.csv`);
    if (csv !== undefined) {
      return new Map(
        csv.split("\n").slice(1).filter((line) => line).map((line) => {
          const [name, answer] = line.split(",");
          return [name!, answer?.split(" ")[0] ?? ""];
        }),
      );
    }
    const truth = await readIfThere(
      `${place}/ILSVRC2012_validation_ground_truth.txt`,
    );
    const wnids = await wnidsByNumber(dir, place);
    if (truth === undefined || wnids === undefined) continue;
    return new Map(
      truth.split("\n").filter((line) => line.trim()).map((line, i) => [
        `ILSVRC2012_val_${String(i + 1).padStart(8, "0")}`,
        wnids.get(Number(line)) ?? "",
      ]),
    );
  }
  throw notFound(
    folder,
    "its images are not in class folders, and there is no list of their classes",
    "put LOC_val_solution.csv beside it, or the development kit " +
      "(ILSVRC2012_validation_ground_truth.txt and meta.mat)",
  );
}

/**
 * Opens ImageNet-100.
 *
 * @param options `classes` is a file with one folder name per line; the built-in
 * list where it is not given.
 * @throws {EmpSslError} `NOT_FOUND` where a folder, a class or a list is
 * missing; `INVALID_DATA` where the file of classes is empty or has an invalid name.
 */
export async function openImagenet100(
  { dir, split, classes: file, ...search }: {
    dir: string;
    split: Split;
    classes?: string;
  } & Search,
): Promise<Dataset> {
  const classes = await readClasses(file);
  const folder = await findSplit(dir, split);
  const missing: string[] = [];
  for (const name of classes) {
    if (!await isFolder(`${folder}/${name}`)) missing.push(name);
  }
  let files: LabelledFile[] | FileTable;
  if (missing.length === classes.length) {
    if (split === "train") {
      throw notFound(
        folder,
        `none of the ${classes.length} classes is in it`,
        `create ${classes[0]}/ and the others there, or name a list with ` +
          "--classes",
      );
    }
    const labels = new Map(classes.map((name, i) => [name, i]));
    const answers = await flatLabels(dir, folder);
    files = (await imagesUnder(folder)).flatMap((path) => {
      const name = path.slice(path.lastIndexOf("/") + 1).replace(/\.\w+$/, "");
      const label = labels.get(answers.get(name) ?? "");
      return label === undefined ? [] : [{ path, label }];
    });
  } else if (missing.length > 0) {
    throw notFound(
      folder,
      `${missing.length} of the ${classes.length} classes are missing, such as ${
        missing[0]
      }`,
      "add their folders, or name fewer classes with --classes",
    );
  } else files = await imagesOfClasses(folder, classes, search);
  const dataset = new ImageFiles("imagenet100", classes, files);
  if (dataset.length === 0) {
    throw notFound(folder, "no image of these classes", "put JPEG files there");
  }
  return dataset;
}
