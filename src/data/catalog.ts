/**
 * All data sets by name, and how each is opened.
 *
 * @module
 */
import { basename } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { EmpSslError } from "../common/errors.ts";
import { openCifar } from "./cifar.ts";
import type { DataOptions, Dataset, Split } from "./dataset.ts";
import { openFolder, openImages } from "./folder.ts";
import type { Search } from "./image_files.ts";
import { openImagenet100 } from "./imagenet100.ts";
import { flagError } from "../common/flag_error.ts";
import { isModule, moduleUrl, openOwnData } from "./own_data.ts";
import { openParquet } from "./parquet.ts";
import { openShapes } from "./shapes.ts";
import { openTinyImagenet } from "./tiny_imagenet.ts";
import { openWebdataset } from "./webdataset.ts";

/** Options for opening a data set. */
export interface OpenOptions {
  /** Its folder. */
  dir: string;
  /** The split. */
  split: Split;
  /** ImageNet-100: a file of classes that replaces the built-in list. */
  classes?: string;
  /** Options, for data sets that have any, such as a user's module. */
  options?: DataOptions;
}

/** How a data set is opened. */
export interface DatasetEntry {
  /** Opens one split; `dir` is given where `needsDir` is set. */
  open(
    options: OpenOptions & Search,
  ): Promise<Dataset> | Dataset;
  /** Whether it is read from `--data-dir`. */
  needsDir: boolean;
  /** Whether each image is a separate file. */
  files?: boolean;
  /** Whether `--classes` names a file of its classes. */
  classFile?: boolean;
  /** Whether a run stores a digest of names and labels, since it has no file index. */
  digest?: boolean;
  /** The names of its options; a user's module may take any. */
  options?: readonly string[];
  /** Whether it has the same images in whichever folder, as `cifar10`. */
  isFixed?: boolean;
  /** Whether both splits are all of its images. */
  isUnsplit?: boolean;
}

/**
 * The data sets by name.
 *
 * @example The names
 * ```ts
 * import { DATASETS } from "./catalog.ts";
 *
 * console.assert("cifar10" in DATASETS);
 * ```
 */
export const DATASETS: Readonly<Record<string, DatasetEntry>> = {
  shapes: {
    open: openShapes,
    needsDir: false,
    isFixed: true,
  },
  cifar10: {
    open: (options) => openCifar("cifar10", options),
    needsDir: true,
    isFixed: true,
  },
  cifar100: {
    open: (options) => openCifar("cifar100", options),
    needsDir: true,
    isFixed: true,
  },
  "cifar100-coarse": {
    open: (options) => openCifar("cifar100-coarse", options),
    needsDir: true,
    isFixed: true,
  },
  tinyimagenet: {
    open: openTinyImagenet,
    needsDir: true,
    files: true,
    isFixed: true,
  },
  imagenet100: {
    open: openImagenet100,
    needsDir: true,
    files: true,
    classFile: true,
    isFixed: true,
  },
  images: {
    open: openImages,
    needsDir: true,
    files: true,
    isUnsplit: true,
  },
  parquet: {
    open: openParquet,
    needsDir: true,
    digest: true,
    options: ["image", "label"],
  },
  webdataset: {
    open: openWebdataset,
    needsDir: true,
    digest: true,
  },
  folder: {
    open: openFolder,
    needsDir: true,
    files: true,
  },
};

/** Whether a name stands for the same images in whichever folder, as `cifar10`. */
export function isFixedSet(name: string): boolean {
  return Object.hasOwn(DATASETS, name) && DATASETS[name]!.isFixed === true;
}

/**
 * The name of a data set's folder where it may hold any images, else undefined. Without
 * the path: the same images may lie elsewhere on another machine.
 */
export function folderName(data: string, dataDir?: string): string | undefined {
  return isFixedSet(data) || !dataDir ? undefined : basename(dataDir);
}

/** Whether the program makes the images of a data set itself. */
export function isGenerated(name: string): boolean {
  return Object.hasOwn(DATASETS, name) && !DATASETS[name]!.needsDir;
}

/** The entry of a user's module. */
function moduleEntry(name: string): DatasetEntry {
  return {
    open: (options) => openOwnData(moduleUrl(name), options),
    needsDir: false,
    digest: true,
  };
}

/**
 * The entry of a data set in {@linkcode DATASETS}, or that of a user's module.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` for an unknown name.
 */
export function datasetEntry(name: string): DatasetEntry {
  if (isModule(name)) return moduleEntry(name);
  if (Object.hasOwn(DATASETS, name)) return DATASETS[name]!;
  throw new EmpSslError({
    action: "open data set",
    subject: `"${name}"`,
    found: "no such data set",
    remedy: `choose one of ${
      Object.keys(DATASETS).join(", ")
    }, or a module such as ./mine.ts`,
    code: "INVALID_ARGUMENT",
  });
}

/** What JSON keeps of a value; undefined for one that it cannot write. */
function asStored(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value));
  } catch {
    return undefined;
  }
}

/**
 * Rejects options that a data set does not have; a module may take any.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with those that it has.
 */
export function checkOptionsOf(name: string, options: DataOptions): void {
  if (!isDeepStrictEqual(asStored(options), options)) {
    throw flagError(
      "--data-options",
      "they cannot be stored as JSON",
      "give only numbers, strings, lists and objects",
    );
  }
  const known = isModule(name) ? undefined : datasetEntry(name).options ?? [];
  const other = known &&
    Object.keys(options).find((option) => !known.includes(option));
  if (known === undefined || known.length > 0 && other === undefined) return;
  throw flagError(
    "--data-options",
    known.length === 0
      ? `${name} has no options`
      : `${name} has no option ${other}`,
    known.length === 0
      ? "name a module with --data, or leave them out"
      : `give ${known.join(" or ")}`,
  );
}
