/**
 * Finds a data set on disk, or downloads and unpacks it.
 *
 * @module
 */
import { basename } from "node:path";
import type { CallOptions } from "../common/call_options.ts";
import { cacheFolder } from "../common/cache.ts";
import {
  codeOf,
  EmpSslError,
  errorMaker,
  messageOf,
} from "../common/errors.ts";
import { rethrowing } from "../common/failure.ts";
import { lockFile } from "../common/file_lock.ts";
import { exists } from "../common/files.ts";
import { type Archive, archiveAt, ARCHIVES } from "./archives.ts";
import { DATASETS } from "./catalog.ts";
import { openForThreads } from "./open_dataset.ts";
import type { Dataset, DatasetSource } from "./dataset.ts";
import type { DataOptions } from "./dataset.ts";
import type { PixelFormat } from "./image.ts";
import { download, md5Of } from "./download.ts";
import { unpack } from "./unpack.ts";

const prepareError = errorMaker("download into", "DOWNLOAD_FAILED");

/** Progress of the preparation. */
export type PrepareEvent =
  | { type: "download"; url: string; bytes: number; total?: number }
  | { type: "unpack"; files: number }
  | { type: "search"; files: number }
  | { type: "warning"; message: string };

/** Which data set to prepare. */
export interface PrepareOptions {
  /** Its name, or the URL of a user's module. */
  name: string;
  /** The options of a user's module. */
  options?: DataOptions;
  /** The user's folder for it. */
  dir?: string;
  /** Folder for downloaded data sets without `dir`: our cache where it is not given. */
  home?: string;
  /** Use only this many images. */
  limit?: number;
  /** ImageNet-100: a file of classes that replaces the built-in list. */
  classes?: string;
  /** Wanted pixel format; the data set's own where it is not given. */
  pixels?: PixelFormat;
  /** An address that replaces the official one. */
  url?: string;
  /** Whether it may be downloaded. */
  download: boolean;
}

/** The extension of an archive's file; the official one where a mirror has none. */
function endingOf(name: string, { url }: Archive): string {
  for (const address of [url, ARCHIVES[name]!.url]) {
    const ending = /(\.zip|\.tar\.gz|\.tgz)$/.exec(new URL(address).pathname);
    if (ending) return ending[1] === ".zip" ? ".zip" : ".tar.gz";
  }
  return ".tar.gz";
}

/** The archive in the folder where a user has put it; undefined if there is none. */
async function localArchive(
  name: string,
  { folder, md5 }: Archive,
  dir: string,
): Promise<string | undefined> {
  const official = ARCHIVES[name]!.url;
  const names = [basename(official), `${folder}.zip`, `${folder}.tar.gz`];
  for (const path of new Set(names.map((name) => `${dir}/${name}`))) {
    if (!await exists(path)) continue;
    const found = await md5Of(path);
    if (found === md5) return path;
    throw prepareError(
      dir,
      `the MD5 of ${path} is ${found} (expected ${md5})`,
      `unpack it there, or accept it with --data-url ${official}#md5=${found}`,
    );
  }
  return undefined;
}

/** Unpacks an archive and moves the folder inside it to `target`. */
async function unpackInto(
  target: string,
  { url, folder }: Archive,
  path: string,
  { onEvent = () => {}, signal }: CallOptions<PrepareEvent>,
): Promise<void> {
  const wrapping = `${target}.archive`;
  await Deno.remove(wrapping, { recursive: true }).catch(() => {});
  try {
    await unpack(path, wrapping, (files) => {
      signal?.throwIfAborted();
      onEvent({ type: "unpack", files });
    });
    if (!await exists(`${wrapping}/${folder}`)) {
      throw prepareError(
        target,
        `${url} has no folder ${folder} in it`,
        "name another --data-url",
      );
    }
    await Deno.rename(`${wrapping}/${folder}`, target);
  } catch (error) {
    // The abort's reason, rather than an error about the archive.
    signal?.throwIfAborted();
    throw error;
  } finally {
    await Deno.remove(wrapping, { recursive: true }).catch(() => {});
  }
}

/** Downloads an archive, unpacks it and deletes it. */
async function fetchArchive(
  name: string,
  archive: Archive,
  dir: string,
  { onEvent = () => {}, signal }: CallOptions<PrepareEvent>,
): Promise<void> {
  const { url, md5, folder } = archive;
  const target = `${dir}/${folder}`;
  const path = `${dir}/.download-${folder}${endingOf(name, archive)}`;
  await download({
    url,
    path,
    md5,
    signal,
    onBytes: (bytes, total = archive.bytes) =>
      onEvent({ type: "download", url, bytes, total }),
  });
  await unpackInto(target, archive, path, { onEvent, signal });
  await Deno.remove(path);
}

/** Makes a folder and locks it against downloads by other processes. */
async function lockFolder(
  dir: string,
  { onEvent = () => {}, signal }: CallOptions<PrepareEvent>,
): Promise<Deno.FsFile> {
  let file: Deno.FsFile | undefined;
  const message = `another process is downloading into ${dir}; waiting for it`;
  const told = rethrowing(onEvent);
  try {
    await Deno.mkdir(dir, { recursive: true });
    file = await Deno.open(`${dir}/.download.lock`, {
      create: true,
      write: true,
    });
    await lockFile(file, () => told.call({ type: "warning", message }), signal);
    return file;
  } catch (error) {
    file?.close();
    signal?.throwIfAborted();
    told.rethrow();
    const remedy = "name another folder with --data-dir";
    throw prepareError(dir, messageOf(error), remedy, error);
  }
}

/** A data set that has been prepared and opened. */
export interface Prepared {
  /** Its folder; undefined where the data set needs none. */
  dir: string | undefined;
  /** Its training split. */
  dataset: Dataset;
  /** The source from which other threads open the same data set. */
  source: DatasetSource;
}

/**
 * Makes sure that a data set is on disk, in the user's folder or, where none is given,
 * in our cache, and opens its training split. If it is missing there, it is unpacked
 * from its archive, which is searched in that folder and else downloaded.
 *
 * @param call A signal that aborts it (a partial download is kept), and a callback for
 * progress.
 * @throws {EmpSslError} The error of opening the data set, where it cannot be
 * downloaded; the error of the download, where that fails.
 *
 * @example The embedded set is there at once
 * ```ts
 * import { prepareDataset } from "./prepare.ts";
 *
 * const { dataset } = await prepareDataset({ name: "shapes", download: false });
 * console.assert(dataset.length === 1500);
 * ```
 */
export async function prepareDataset(
  options: PrepareOptions,
  call: CallOptions<PrepareEvent> = {},
): Promise<Prepared> {
  const { name, url, limit, classes } = options;
  const { onEvent = () => {}, signal } = call;
  signal?.throwIfAborted();
  const official = ARCHIVES[name];
  if (official === undefined && url !== undefined && name in DATASETS) {
    throw new EmpSslError({
      action: "download",
      subject: name,
      found: "this data set has no archive to download",
      remedy: "leave --data-url out",
      code: "INVALID_ARGUMENT",
    });
  }
  const archive = official && archiveAt(official, url);
  const dir = options.dir ??
    (archive === undefined
      ? undefined
      : `${options.home ?? `${cacheFolder()}/data`}/${archive.home}`);
  const open = async (): Promise<Prepared> => {
    const source: DatasetSource = {
      ...{ name, dir, split: "train", limit, classes },
      options: options.options,
      pixels: options.pixels,
    };
    const onFound = (files: number) => {
      signal?.throwIfAborted();
      onEvent({ type: "search", files });
    };
    const { warning, ...opened } = await openForThreads(source, { onFound })
      .catch((error) => {
        // The abort's reason, rather than an error about the file that was being read.
        signal?.throwIfAborted();
        throw error;
      });
    if (warning !== undefined) onEvent({ type: "warning", message: warning });
    const pixels = options.pixels ?? opened.dataset.pixels;
    const { dataset } = opened;
    // Other threads convert to RGB bytes where a source names no format.
    return { dir, dataset, source: { ...opened.source, pixels } };
  };
  const orNothing = (error: unknown): undefined => {
    const missing = codeOf(error) === "NOT_FOUND";
    if (!missing || archive === undefined) throw error;
    reason = error;
  };
  let reason: unknown;
  const found = await open().catch(orNothing);
  if (found !== undefined) return found;
  const local = await localArchive(name, archive!, dir!);
  if (local === undefined && !options.download) throw reason;
  using _lock = await lockFolder(dir!, call);
  // Another process may have downloaded it meanwhile.
  const meanwhile = await open().catch(orNothing);
  if (meanwhile !== undefined) return meanwhile;
  const target = `${dir}/${archive!.folder}`;
  if (await exists(target)) {
    throw prepareError(
      target,
      "it exists but does not hold this data set",
      "remove it, or name another folder with --data-dir",
    );
  }
  if (local === undefined) await fetchArchive(name, archive!, dir!, call);
  else await unpackInto(target, archive!, local, call);
  return await open();
}
