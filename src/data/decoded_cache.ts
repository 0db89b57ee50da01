/**
 * A disk cache of decoded images: epochs after the first read pixels instead of
 * decoding JPEG. Each entry is a file, which may be deleted at any time; an entry
 * whose source file has changed is replaced.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { statfsSync } from "node:fs";
import { resolve } from "node:path";
import { writeAtomically, writeError } from "../common/atomic_file.ts";
import { concatBytes } from "../common/files.ts";
import type { Image } from "./image.ts";

/** Options of the cache. */
export interface CacheOptions {
  /** The folder. */
  dir: string;
  /** Images are shrunk so that the shorter side has this many pixels. */
  side: number;
  /** Maximum size on disk in bytes; unlimited where it is not given. */
  limit?: number;
  /** Usage counter that all threads share: see {@linkcode CacheUsage}. */
  usage?: SharedArrayBuffer;
}

/** Why nothing more is written to a cache. */
const STOPPED = [
  "",
  "it has reached its size limit",
  "writing to it failed",
  "its disk is nearly full, and checkpoints need room",
];

/** Bytes of a disk that are left free; of a small one half of what is free. */
const LEFT_FREE = 2e9;

/** The bytes that are free where a folder lies; infinite where the system does not say. */
function freeBytes(dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}

/** Size of a cache on disk, and whether it is still written; shared by threads. */
export class CacheUsage {
  /** Shared memory, to be sent to other threads. */
  readonly buffer: SharedArrayBuffer;
  #bytes: BigInt64Array;
  #state: Int32Array;

  /** Uses the buffer of another thread, or a new one. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(16)) {
    this.buffer = buffer;
    this.#bytes = new BigInt64Array(buffer, 0, 1);
    this.#state = new Int32Array(buffer, 8, 2);
  }

  /** Adds bytes to the count; beyond the limit, stops the cache and returns false. */
  reserve(bytes: number, limit = Infinity): boolean {
    if (this.stopped) return false;
    const before = Atomics.add(this.#bytes, 0, BigInt(bytes));
    if (Number(before) + bytes <= limit) return true;
    this.#stop(1);
    return false;
  }

  /** Stops the cache after a failed write. */
  fail(): void {
    this.#stop(2);
  }

  /** Stops the cache where its disk is nearly full. */
  leaveRoom(): void {
    this.#stop(3);
  }

  #stop(state: number): void {
    Atomics.compareExchange(this.#state, 0, 0, state);
  }

  /** Whether nothing more is written. */
  get stopped(): boolean {
    return Atomics.load(this.#state, 0) !== 0;
  }

  /** Why nothing more is written; returned only once over all threads. */
  takeReason(): string | undefined {
    const state = Atomics.load(this.#state, 0);
    const isNew = state !== 0 && Atomics.exchange(this.#state, 1, 1) === 0;
    return isNew ? STOPPED[state] : undefined;
  }
}

/** The entries of a folder; none where it cannot be read. */
async function entriesOf(dir: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(dir));
  } catch {
    return [];
  }
}

/**
 * Size of a cache on disk in bytes. Files that another process renames or deletes
 * meanwhile are not counted.
 */
export async function cacheSize(dir: string): Promise<number> {
  let bytes = 0;
  for (const { name, isDirectory } of await entriesOf(dir)) {
    if (!isDirectory) continue;
    for (const entry of await entriesOf(`${dir}/${name}`)) {
      const found = await Deno.stat(`${dir}/${name}/${entry.name}`)
        .catch(() => undefined);
      bytes += found?.size ?? 0;
    }
  }
  return bytes;
}

/**
 * A source whose cache, if any, has a counter of its size on disk for all threads: its
 * own, or a new one.
 */
export async function withUsage<T extends { cache?: CacheOptions }>(
  source: T,
): Promise<T> {
  const { cache } = source;
  if (cache === undefined || cache.usage) return source;
  const usage = new CacheUsage();
  if (cache.limit !== undefined) usage.reserve(await cacheSize(cache.dir));
  return { ...source, cache: { ...cache, usage: usage.buffer } };
}

/** Decodes an image file, as `decodeFile` does. */
export type Decode = (
  path: string,
  options: { shrinkTo: number },
) => Promise<Image>;

/** Header of an entry: magic number, size and times of the source, width, height. */
const MARK = 0x454d5032, HEAD = 40;

interface Stamp {
  size: number;
  /** Modification time (mtime), which programs can set. */
  time: number;
  /** Change time (ctime), which the system sets. */
  changed: number;
}

function encodeHead(image: Image, { size, time, changed }: Stamp): Uint8Array {
  const head = new DataView(new ArrayBuffer(HEAD));
  head.setUint32(0, MARK);
  head.setFloat64(8, size);
  head.setFloat64(16, time);
  head.setUint32(24, image.width);
  head.setUint32(28, image.height);
  head.setFloat64(32, changed);
  return new Uint8Array(head.buffer);
}

/** The image of an entry; undefined if it is incomplete or its source has changed. */
function decodeEntry(
  bytes: Uint8Array,
  { size, time, changed }: Stamp,
): Image | undefined {
  if (bytes.length < HEAD) return undefined;
  const head = new DataView(bytes.buffer, bytes.byteOffset, HEAD);
  const width = head.getUint32(24), height = head.getUint32(28);
  const fits = head.getUint32(0) === MARK && head.getFloat64(8) === size &&
    head.getFloat64(16) === time && head.getFloat64(32) === changed &&
    bytes.length === HEAD + width * height * 3;
  return fits ? { width, height, data: bytes.subarray(HEAD) } : undefined;
}

/** As {@linkcode cachedDecode}; its size on disk is counted before the first image. */
export function countedDecode(
  decode: Decode,
  cache: CacheOptions,
): (path: string) => Promise<Image> {
  let cached: Promise<(path: string) => Promise<Image>> | undefined;
  return async (path) => {
    cached ??= withUsage({ cache }).then((source) =>
      cachedDecode(decode, source.cache)
    );
    return await (await cached)(path);
  };
}

/**
 * A decoder that caches what it decodes.
 *
 * @param decode Decodes a file that is not in the cache.
 */
export function cachedDecode(
  decode: Decode,
  { dir, side, limit, usage: shared }: CacheOptions,
): (path: string) => Promise<Image> {
  const usage = new CacheUsage(shared);
  const leftFree = Math.min(LEFT_FREE, freeBytes(dir) / 2);

  // Synchronous: on a slow disk, pending writes do not pile up in memory.
  const keep = (
    entry: string,
    { head, image, replaced }: {
      head: Uint8Array;
      image: Image;
      replaced: number;
    },
  ) => {
    if (usage.stopped) return;
    const more = head.length + image.data.length - replaced;
    if (freeBytes(dir) - more < leftFree) usage.leaveRoom();
    if (!usage.reserve(more, limit)) return;
    try {
      Deno.mkdirSync(entry.slice(0, entry.lastIndexOf("/")), {
        recursive: true,
      });
      // Always RGB bytes: the run's configuration refuses other formats.
      const bytes = concatBytes([head, image.data as Uint8Array]);
      writeAtomically(entry, bytes, { durable: false });
    } catch {
      // Existing entries are still used; nothing more is written.
      usage.fail();
    }
  };

  return async (path) => {
    const name = createHash("sha256").update(`${side} ${resolve(path)}`).digest(
      "hex",
    );
    const entry = `${dir}/${name.slice(0, 2)}/${name.slice(2, 34)}`;
    const stamp = await Deno.stat(path).then(
      ({ size, mtime, ctime }) => ({
        size,
        time: Number(mtime),
        changed: Number(ctime),
      }),
      () => undefined,
    );
    // If stat() failed, the decoder reports why.
    if (stamp === undefined) return await decode(path, { shrinkTo: side });
    const found = await Deno.readFile(entry).catch(() => undefined);
    const kept = found && decodeEntry(found, stamp);
    if (kept !== undefined) return kept;
    const image = await decode(path, { shrinkTo: side });
    const replaced = found?.length ?? 0;
    keep(entry, { head: encodeHead(image, stamp), image, replaced });
    return image;
  };
}

/** Estimate of a cache's size on disk in bytes: enough for images up to 16:9. */
export function cacheBytes(images: number, { side }: CacheOptions): number {
  // Photographs are rarely wider than 16:9.
  return images * (HEAD + Math.ceil(side * side * 16 / 9) * 3);
}

/**
 * Checks before any work that a cache folder can be written to.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`: a file, no permission, a full disk.
 */
export function checkCache(dir: string): void {
  // Another process may check the same folder at this moment.
  const probe = `${dir}/.probe-${crypto.randomUUID()}`;
  try {
    Deno.mkdirSync(dir, { recursive: true });
    writeAtomically(probe, new Uint8Array(1), { durable: false });
    Deno.removeSync(probe);
  } catch (error) {
    throw writeError(dir, (error as Error).cause ?? error, {
      remedy: "name another folder with --cache, or leave it out",
    });
  }
}
