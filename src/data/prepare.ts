/**
 * From nothing on disk to a data set's folder.
 *
 * @module
 */
import { codeOf, EmpSslError, messageOf } from "../errors.ts";
import { type Archive, archiveAt, ARCHIVES } from "./archives.ts";
import { openDataset } from "./catalog.ts";
import { download } from "./download.ts";
import { unpack } from "./unpack.ts";

/** What the preparation is at. */
export type PrepareEvent =
  | { type: "download"; url: string; bytes: number; total?: number }
  | { type: "unpack"; files: number };

/** A data set that is wanted. */
export interface PrepareOptions {
  /** Its name. */
  name: string;
  /** The user's folder for it. */
  dir?: string;
  /** The folder that data sets go into where the user names none. */
  home: string;
  /** Another address than the official one. */
  url?: string;
  /** Whether it may be downloaded. */
  download: boolean;
  /** Told of the progress. */
  onEvent?: (event: PrepareEvent) => void;
}

async function fetchArchive(
  archive: Archive,
  dir: string,
  onEvent: NonNullable<PrepareOptions["onEvent"]>,
): Promise<void> {
  const name = archive.url.slice(archive.url.lastIndexOf("/") + 1);
  const path = `${dir}/${name.endsWith(".zip") ? name : `${name}.tar.gz`}`
    .replace(/(\.tar\.gz)+$/, ".tar.gz");
  try {
    await Deno.mkdir(dir, { recursive: true });
  } catch (error) {
    throw new EmpSslError({
      action: "download into",
      subject: dir,
      found: messageOf(error),
      remedy: "name another folder with --data-dir",
      code: "DOWNLOAD_FAILED",
      cause: error,
    });
  }
  await download({
    url: archive.url,
    path,
    md5: archive.md5,
    onBytes: (bytes, total) =>
      onEvent({ type: "download", url: archive.url, bytes, total }),
  });
  // The archive holds one folder, which is put in the place of its wrapping.
  const wrapping = `${dir}/${archive.folder}.archive`;
  await Deno.remove(wrapping, { recursive: true }).catch(() => {});
  await unpack(path, wrapping, (files) => onEvent({ type: "unpack", files }));
  await Deno.rename(`${wrapping}/${archive.folder}`, `${dir}/${archive.folder}`)
    .catch((error) => {
      throw new EmpSslError({
        action: "unpack",
        subject: path,
        found: `no folder ${archive.folder} in it`,
        remedy: "name another --data-url",
        code: "INVALID_DATA",
        cause: error,
      });
    });
  await Deno.remove(wrapping, { recursive: true });
  await Deno.remove(path);
}

/**
 * Sees to it that a data set is on disk: in the user's folder or in our own, and
 * from its official archive where it is in neither.
 *
 * @returns Its folder; undefined where the data set needs none.
 * @throws {EmpSslError} What opening it throws, where it cannot be downloaded;
 * what downloading it throws, where that fails.
 */
export async function prepareDataset(
  options: PrepareOptions,
): Promise<string | undefined> {
  const { name, url, onEvent = () => {} } = options;
  const archive = ARCHIVES[name];
  if (archive === undefined) return options.dir;
  const dir = options.dir ?? `${options.home}/${name}`;
  try {
    await openDataset({ name, dir, split: "train" });
    return dir;
  } catch (error) {
    if (codeOf(error) !== "NOT_FOUND" || !options.download) throw error;
  }
  await fetchArchive(archiveAt(archive, url), dir, onEvent);
  return dir;
}
