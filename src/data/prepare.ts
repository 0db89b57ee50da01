/**
 * From nothing on disk to a data set's folder.
 *
 * @module
 */
import { cacheFolder } from "../cache.ts";
import { codeOf, EmpSslError, messageOf } from "../errors.ts";
import { exists } from "../files.ts";
import { type Archive, archiveAt, ARCHIVES } from "./archives.ts";
import { openDataset } from "./catalog.ts";
import type { Dataset } from "./dataset.ts";
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
  /** The folder that data sets go into where the user names none: our own. */
  home?: string;
  /** Use only so many images. */
  limit?: number;
  /** ImageNet-100: a file with other classes than ours. */
  classes?: string;
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
  const { url, md5, folder } = archive;
  const isZip = new URL(url).pathname.endsWith(".zip");
  const path = `${dir}/${folder}${isZip ? ".zip" : ".tar.gz"}`;
  const target = `${dir}/${folder}`;
  if (await exists(target)) {
    throw refuse(
      target,
      "it is there and holds no such data set",
      "remove it, or name another folder with --data-dir",
    );
  }
  await download({
    url,
    path,
    md5,
    onBytes: (bytes, total = archive.bytes) =>
      onEvent({ type: "download", url, bytes, total }),
  });
  // The archive holds one folder, which is put in the place of its wrapping.
  const wrapping = `${target}.archive`;
  await Deno.remove(wrapping, { recursive: true }).catch(() => {});
  try {
    await unpack(path, wrapping, (files) => onEvent({ type: "unpack", files }));
    if (!await exists(`${wrapping}/${folder}`)) {
      throw refuse(
        target,
        `${url} has no folder ${folder} in it`,
        "name another --data-url",
      );
    }
    await Deno.rename(`${wrapping}/${folder}`, target);
  } finally {
    await Deno.remove(wrapping, { recursive: true }).catch(() => {});
  }
  await Deno.remove(path);
}

function refuse(
  subject: string,
  found: string,
  remedy: string,
  cause?: unknown,
) {
  return new EmpSslError({
    action: "download into",
    subject,
    found,
    remedy,
    code: "DOWNLOAD_FAILED",
    cause,
  });
}

/** Makes a folder and keeps other processes from downloading into it. */
async function lockFolder(dir: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(dir, { recursive: true });
    const file = await Deno.open(`${dir}/.download.lock`, {
      create: true,
      write: true,
    });
    await file.lock(true);
    return file;
  } catch (error) {
    const remedy = "name another folder with --data-dir";
    throw refuse(dir, messageOf(error), remedy, error);
  }
}

/** A data set that is on disk, opened. */
export interface Prepared {
  /** Its folder; undefined where the data set needs none. */
  dir: string | undefined;
  /** Its training split. */
  dataset: Dataset;
}

/**
 * Sees to it that a data set is on disk, in the user's folder or in our own, and
 * opens its training split; takes it from its official archive where it is in
 * neither.
 *
 * @throws {EmpSslError} What opening it throws, where it cannot be downloaded;
 * what downloading it throws, where that fails.
 */
export async function prepareDataset(
  options: PrepareOptions,
): Promise<Prepared> {
  const { name, url, limit, classes, onEvent = () => {} } = options;
  const archive = ARCHIVES[name];
  const dir = options.dir ??
    (archive === undefined
      ? undefined
      : `${options.home ?? `${cacheFolder()}/data`}/${name}`);
  const open = async (): Promise<Prepared> => {
    const source = { name, dir, split: "train", limit, classes } as const;
    return { dir, dataset: await openDataset(source) };
  };
  const orNothing = (error: unknown): undefined => {
    const missing = codeOf(error) === "NOT_FOUND";
    if (!missing || archive === undefined || !options.download) throw error;
  };
  const found = await open().catch(orNothing);
  if (found !== undefined) return found;
  using _lock = await lockFolder(dir!);
  // Another process may have got it meanwhile.
  const meanwhile = await open().catch(orNothing);
  if (meanwhile !== undefined) return meanwhile;
  await fetchArchive(archiveAt(archive, url), dir!, onEvent);
  return await open();
}
