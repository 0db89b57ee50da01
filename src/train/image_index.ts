/**
 * The index of a run's image files, stored in the run's folder.
 *
 * @module
 */
import { DATASETS } from "../data/catalog.ts";
import { folderOf, openForThreads } from "../data/open_dataset.ts";
import type { DatasetSource } from "../data/dataset.ts";
import {
  checkFileIndex,
  openByIndex,
  writeFileIndex,
} from "../data/file_index.ts";
import { ImageFiles } from "../data/image_files.ts";
import { exists } from "../common/files.ts";

/** The path of the index in a run's folder. */
export function imageIndexPath(dir: string): string {
  return `${dir}/images.txt`;
}

/**
 * A run's source as all its threads open it. For image files a new run writes the index
 * to its folder; a resumed run reads it and checks the files against it.
 *
 * @param options The run's folder; whether the run is resumed; the source with which
 * its images have been opened already, if they have.
 * @throws {EmpSslError} `INVALID_DATA` if images have changed; the signal's reason once it
 * is aborted.
 */
export async function indexedSource(
  source: DatasetSource,
  { dir, goesOn, opened, signal }: {
    dir: string;
    goesOn: boolean;
    opened?: DatasetSource;
    signal?: AbortSignal;
  },
): Promise<DatasetSource> {
  const index = imageIndexPath(dir), folder = folderOf(source);
  if (goesOn && DATASETS[source.name]?.files && await exists(index)) {
    await checkFileIndex(index, folder, signal);
    return { ...source, shared: openByIndex(index, folder).share() };
  }
  const { shared, digest } = opened ?? (await openForThreads(source)).source;
  // A module has a digest, which the other threads are compared with.
  if (digest !== undefined) return { ...source, digest };
  if (shared === undefined) return source;
  if (shared.kind === "files") {
    const { name, classes, table } = shared;
    const files = new ImageFiles(name, classes, table);
    await writeFileIndex(index, files, folder, signal);
  }
  return { ...source, shared };
}
