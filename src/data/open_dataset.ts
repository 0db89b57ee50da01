/**
 * Opens a data set of the catalog: its images in the wanted format, as many as wanted.
 *
 * @module
 */
import { checkCount } from "../common/count.ts";
import { EmpSslError, messageOf } from "../common/errors.ts";
import { trimSlashes } from "../common/files.ts";
import { checkOptionsOf, datasetEntry } from "./catalog.ts";
import { openSharedCifar } from "./cifar.ts";
import type { Dataset, DatasetSource, SharedData } from "./dataset.ts";
import { decodeFile } from "./decode.ts";
import { countedDecode } from "./decoded_cache.ts";
import { checkSame, sampleDigestOf } from "./digest.ts";
import {
  FORMAT_REMEDY,
  isFormat,
  type PixelFormat,
  RGB,
  toFormat,
} from "./image.ts";
import { ImageFiles, type Search } from "./image_files.ts";
import { isModule } from "./own_data.ts";
import { ParquetImages } from "./parquet.ts";
import { limitTo } from "./subset.ts";
import { UnreadableImages } from "./unreadable_images.ts";
import { ShardImages } from "./webdataset.ts";

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
 * import { openDataset } from "./open_dataset.ts";
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
      images.decodeWith((path) => decodeFile(path, { shrinkTo, pixels }));
    }
  }
  const chosen = limited(images, source);
  if (source.digest !== undefined) {
    checkSame(chosen, { url: source.name, digest: source.digest });
  }
  return chosen;
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
          remedy: FORMAT_REMEDY,
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
