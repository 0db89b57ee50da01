/**
 * The index of a run's image files, stored in the run's folder.
 *
 * @module
 */
import { DATASETS, folderOf, openForThreads } from "../data/catalog.ts";
import type { DatasetSource, SharedData } from "../data/dataset.ts";
import {
  checkFileIndex,
  openByIndex,
  writeFileIndex,
} from "../data/file_index.ts";
import { ImageFiles } from "../data/image_files.ts";
import { exists } from "../files.ts";

/** The path of the index in a run's folder. */
export function imageIndexPath(dir: string): string {
  return `${dir}/images.txt`;
}

/**
 * A run's source as all its threads open it. For image files a new run writes the index
 * to its folder; a resumed run reads it and checks the files against it.
 *
 * @param options The run's folder; whether the run is resumed; the images, if they have
 * already been searched.
 * @throws {EmpSslError} `INVALID_DATA` if images have changed.
 */
export async function indexedSource(
  source: DatasetSource,
  { dir, goesOn, searched }: {
    dir: string;
    goesOn: boolean;
    searched?: SharedData;
  },
): Promise<DatasetSource> {
  const index = imageIndexPath(dir), folder = folderOf(source);
  if (goesOn && DATASETS[source.name]?.files && await exists(index)) {
    await checkFileIndex(index, folder);
    return { ...source, shared: openByIndex(index, folder).share() };
  }
  const opened = searched ? undefined : (await openForThreads(source)).source;
  const shared = searched ?? opened?.shared;
  if (shared === undefined) {
    // Of a module: the other threads are compared with it.
    const digest = opened?.digest;
    return digest === undefined ? source : { ...source, digest };
  }
  if (shared.kind === "files") {
    const { name, classes, table } = shared;
    await writeFileIndex(index, new ImageFiles(name, classes, table), folder);
  }
  return { ...source, shared };
}
