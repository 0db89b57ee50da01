/**
 * The index of a run's images, beside the run.
 *
 * @module
 */
import { DATASETS, folderOf, openDataset } from "../data/catalog.ts";
import type { DatasetSource } from "../data/dataset.ts";
import { checkFileIndex, encodeFileIndex } from "../data/file_index.ts";
import { ImageFiles } from "../data/image_files.ts";
import { exists } from "../files.ts";
import { writeAtomically } from "../atomic_file.ts";

/** The index of a run's folder. */
export function imageIndexPath(dir: string): string {
  return `${dir}/images.txt`;
}

/**
 * A run's source with an index, where its images are files: a new one for a new
 * run; that of the run, checked, for one that goes on.
 *
 * @param dir The run's folder.
 * @throws {EmpSslError} `INVALID_DATA` where images are not what they were.
 */
export async function indexedSource(
  source: DatasetSource,
  { dir, goesOn }: { dir: string; goesOn: boolean },
): Promise<DatasetSource> {
  const index = imageIndexPath(dir), folder = folderOf(source);
  // What is no files is not opened once more to find that out.
  if (!DATASETS[source.name]?.files) return source;
  if (goesOn && await exists(index)) {
    checkFileIndex(index, folder);
    return { ...source, index };
  }
  const dataset = await openDataset({ ...source, limit: undefined });
  if (!(dataset instanceof ImageFiles)) return source;
  writeAtomically(index, encodeFileIndex(dataset, folder));
  return { ...source, index };
}
