/**
 * The index of a run's images, beside the run.
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

/** The index of a run's folder. */
export function imageIndexPath(dir: string): string {
  return `${dir}/images.txt`;
}

/**
 * A run's source as all its threads read it: from the index beside the run, where
 * its images are files. A new run writes it; a resumed one checks its files
 * against it.
 *
 * @param options The run's folder; whether it is resumed; the images, where they
 * have been searched already.
 * @throws {EmpSslError} `INVALID_DATA` where images are not what they were.
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
  const shared = searched ?? (await openForThreads(source)).source.shared;
  if (shared === undefined) return source;
  if (shared.kind === "files") {
    const { name, classes, table } = shared;
    await writeFileIndex(index, new ImageFiles(name, classes, table), folder);
  }
  return { ...source, shared };
}
