/**
 * Files and their bytes.
 *
 * @module
 */
import { messageOf } from "./errors.ts";

/** Concatenates byte arrays. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A path without trailing slashes; `/` stays. */
export function trimSlashes(path: string): string {
  return path.replace(/(?<=.)\/+$/, "");
}

/** Whether a file or folder exists. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** As {@linkcode exists}, without a promise. */
export function existsSync(path: string): boolean {
  return fileSize(path) !== undefined;
}

/** The bytes of a file; undefined where it cannot be found. */
export function fileSize(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch {
    return undefined;
  }
}

/** A view of an array's memory as bytes, without a copy. */
export function bytesOf<B extends ArrayBufferLike>(
  { buffer, byteOffset, byteLength }: ArrayBufferView<B>,
): Uint8Array<B> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** When a file was modified, in milliseconds since 1970; 0 where it is not known. */
export function modified(path: string): number {
  return Deno.statSync(path).mtime?.getTime() ?? 0;
}

/** Yields to the event loop, so that heartbeats and signals are served in long work. */
export const breathe = () => new Promise((done) => setTimeout(done));

/** Removes a file, an empty folder, or any by `recursive`; ignores failure. */
export function removeIfPossible(
  path: string,
  options: Deno.RemoveOptions = {},
): void {
  try {
    Deno.removeSync(path, options);
  } catch {
    // It does not exist, is not empty, or permission is denied.
  }
}

/** Writes all bytes: a single `writeSync` may write only a part. */
export function writeAllSync(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

/** As {@linkcode writeAllSync}, without blocking the thread. */
export async function writeAll(
  file: Deno.FsFile,
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await file.write(bytes.subarray(at));
  }
}

/**
 * Fills an array with a file's bytes from `offset` on: a single `readSync` may read only
 * a part.
 *
 * @returns How many bytes were read; fewer than asked for if the file ends.
 */
export function readAtSync(
  file: Deno.FsFile,
  offset: number,
  bytes: Uint8Array,
): number {
  file.seekSync(offset, Deno.SeekMode.Start);
  let at = 0;
  while (at < bytes.length) {
    const more = file.readSync(bytes.subarray(at));
    if (more === null) break;
    at += more;
  }
  return at;
}

/** Why a folder cannot be used, as the middle of an error message. */
export async function whyNoFolder(path: string): Promise<string> {
  try {
    const { isDirectory } = await Deno.stat(path);
    return isDirectory ? "it cannot be read" : "it is not a folder";
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      return /--allow-all/.test(messageOf(error))
        ? "Deno opens it only with --allow-all, like all of /dev, " +
          "/proc and /sys"
        : "the program was not given --allow-read for it";
    }
    return error instanceof Deno.errors.PermissionDenied
      ? "permission denied"
      : "no such folder";
  }
}
