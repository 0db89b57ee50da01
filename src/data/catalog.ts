/**
 * All data sets by name, and how each is opened.
 *
 * @module
 */
import { checkCount } from "../count.ts";
import { EmpSslError, messageOf } from "../errors.ts";
import {
  openCifar10,
  openCifar100,
  openCifar100Coarse,
  openSharedCifar,
} from "./cifar.ts";
import type {
  DataOptions,
  Dataset,
  DatasetSource,
  SharedData,
  Split,
} from "./dataset.ts";
import { decodeFile } from "./decode.ts";
import { countedDecode } from "./decoded_cache.ts";
import { openFolder, openImages } from "./folder.ts";
import { checkSame, sampleDigestOf } from "./digest.ts";
import { isFormat, type PixelFormat, RGB, toFormat } from "./image.ts";
import { ImageFiles, type Search } from "./image_files.ts";
import { openImagenet100 } from "./imagenet100.ts";
import { flagError } from "../flag_error.ts";
import { isModule, moduleUrl, openOwnData } from "./own_data.ts";
import { openParquet, ParquetImages } from "./parquet.ts";
import { openShapes } from "./shapes.ts";
import { limitTo } from "./subset.ts";
import { openTinyImagenet } from "./tiny_imagenet.ts";
import { openWebdataset, ShardImages } from "./webdataset.ts";
import { UnreadableImages } from "./unreadable_images.ts";
import { trimSlashes } from "../files.ts";

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
    open: openCifar10,
    needsDir: true,
    isFixed: true,
  },
  cifar100: {
    open: openCifar100,
    needsDir: true,
    isFixed: true,
  },
  "cifar100-coarse": {
    open: openCifar100Coarse,
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

/** The folder of a source, without trailing slashes. */
export function folderOf({ dir = "" }: DatasetSource): string {
  return trimSlashes(dir);
}

/**
 * Opens a data set.
 *
 * @param source Its name, folder and split.
 * @param search Callback for the number of images found in a folder so far.
 * @throws {EmpSslError} `INVALID_ARGUMENT` for an unknown name or a missing
 * folder name; `NOT_FOUND` and `INVALID_DATA` for missing or invalid files.
 *
 * @example The embedded set
 * ```ts
 * import { openDataset } from "./catalog.ts";
 *
 * const shapes = await openDataset({ name: "shapes", split: "test" });
 * console.assert(shapes.classes.length === 10);
 * ```
 */
export async function openDataset(
  source: DatasetSource,
  search: Search = {},
): Promise<Dataset> {
  const entry = datasetEntry(source.name);
  if (entry.needsDir && !source.dir) {
    throw new EmpSslError({
      action: "open data set",
      subject: source.name,
      found: "no folder was given",
      remedy: "name the folder with --data-dir",
      code: "INVALID_ARGUMENT",
    });
  }
  const dir = folderOf(source);
  const { split, classes, options, shared, pixels } = source;
  const { cache, shrinkTo } = source;
  if (options !== undefined) checkOptionsOf(source.name, options);
  const dataset = shared === undefined
    ? await entry.open({ dir, split, classes, options, ...search })
    : openShared(shared);
  const images = pixels ? withPixels(dataset, pixels) : dataset;
  if (images instanceof ImageFiles) {
    if (cache) images.decodeWith(countedDecode(decodeFile, cache));
    else if (shrinkTo !== undefined) {
      images.decodeWith((path) => decodeFile(path, { shrinkTo }));
    }
  }
  const chosen = limited(images, source);
  if (source.digest !== undefined) {
    checkSame(chosen, { url: source.name, digest: source.digest });
  }
  return chosen;
}

/**
 * Rejects options that a data set does not have; a module may take any.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with those that it has.
 */
export function checkOptionsOf(name: string, options: DataOptions): void {
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

/** A data set with another pixel format, by its own decoding or by conversion. */
export function withPixels(dataset: Dataset, pixels: PixelFormat): Dataset {
  if (!dataset.decodeAs) {
    const own = dataset.pixels ?? RGB;
    return isFormat(own, pixels) ? dataset : converted(dataset, pixels);
  }
  dataset.decodeAs(pixels);
  return dataset;
}

/** A data set whose images are converted after decoding. */
function converted(dataset: Dataset, pixels: PixelFormat): Dataset {
  const { name, length, classes, blocks } = dataset;
  return {
    name,
    length,
    classes,
    pixels,
    blocks,
    label: (index) => dataset.label(index),
    describe: (index) => dataset.describe(index),
    share: dataset.share && (() => dataset.share!()),
    async image(index) {
      const image = await dataset.image(index);
      try {
        return toFormat(image, pixels);
      } catch (error) {
        throw new EmpSslError({
          action: "use",
          subject: dataset.describe(index),
          found: messageOf(error),
          remedy: "give other --channels and --bits, or leave them out",
          code: "INVALID_DATA",
        });
      }
    },
  };
}

function limited(dataset: Dataset, { limit }: DatasetSource): Dataset {
  const subject = `${dataset.name} with ${limit} images`;
  checkCount(limit, { action: "open data set", subject });
  return limit === undefined || limit >= dataset.length
    ? dataset
    : limitTo(dataset, limit);
}

function openShared(shared: SharedData): Dataset {
  if (shared.kind === "parquet") {
    return new ParquetImages(shared.classes, shared.table);
  }
  if (shared.kind === "shards") {
    return new ShardImages(shared.classes, shared.table);
  }
  return shared.kind === "files"
    ? new ImageFiles(shared.name, shared.classes, shared.table)
    : openSharedCifar(shared);
}

/** An opened data set, and the source from which other threads open the same. */
export interface OpenedSource {
  dataset: Dataset;
  source: DatasetSource;
  /** Says which images were left out for their format, if any were. */
  warning?: string;
}

/**
 * Opens a data set once for all threads. Threads that open the returned source see
 * the same images at the same indices, even if the folder changes meanwhile.
 *
 * @throws {EmpSslError} As {@linkcode openDataset}.
 */
export async function openForThreads(
  source: DatasetSource,
  search: Search = {},
): Promise<OpenedSource> {
  const unreadable = new UnreadableImages();
  const whole = await openDataset(
    { ...source, limit: undefined },
    { ...search, onUnreadable: unreadable.add },
  );
  const dataset = limited(whole, source);
  const digest = isModule(source.name) ? sampleDigestOf(dataset) : undefined;
  return {
    source: { ...source, shared: whole.share?.(), digest },
    dataset,
    warning: unreadable.warning,
  };
}
