/**
 * Downloads a file as a stream, resumes an interrupted download, and checks the
 * digest.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { writeError } from "../common/atomic_file.ts";
import { delay } from "../deps/std.ts";
import { EmpSslError, errorMaker, messageOf } from "../common/errors.ts";
import { rethrowing } from "../common/failure.ts";
import { fileSize, writeAll } from "../common/files.ts";

/** The remedy for a disk error. */
const DISK = {
  remedy: "name another folder with --data-dir; the partial download is kept",
  code: "DOWNLOAD_FAILED",
} as const;

/** Whether an error comes from the disk, not from the network. */
function isDiskError(error: unknown): boolean {
  return /os error (28|13|30|122|27)\b|no space|read-only file/i.test(
    messageOf(error),
  );
}

const downloadError = errorMaker("download", "DOWNLOAD_FAILED");

/** Called with the bytes received so far, and the total where it is known. */
export type OnBytes = (bytes: number, total: number | undefined) => void;

/** What to download, and where to. */
export interface DownloadOptions {
  /** The address. */
  url: string;
  /** The file; a partial download is in `<path>.part`. */
  path: string;
  /** The MD5 that the file must have. */
  md5: string;
  /** Callback for progress. */
  onBytes?: OnBytes;
  /** Milliseconds without data after which a connection is closed: 60,000 by default. */
  stall?: number;
  /** Aborts the download; what has been received is kept. */
  signal?: AbortSignal;
}

/** Consecutive attempts without new data after which a download fails. */
const ATTEMPTS = 4;
const PAUSE_MS = 500;

const STALL_MS = 60_000;

/** Aborts a download that receives no data for some time. */
class StallTimer implements Disposable {
  #controller = new AbortController();
  #limit: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(limit: number) {
    this.#limit = limit;
    this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Restarts the timer, after data has been received. */
  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const seconds = Math.round(this.#limit / 1000);
      this.#controller.abort(new Error(`no data arrived for ${seconds} s`));
    }, this.#limit);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** Appends the missing part; returns whether all announced bytes have arrived. */
async function append(
  { url, onBytes, signal, stall = STALL_MS }: DownloadOptions,
  part: string,
): Promise<boolean> {
  let have = fileSize(part) ?? 0;
  using timer = new StallTimer(stall);
  const response = await fetch(url, {
    headers: {
      // The file itself: its digest is of the bytes before any unpacking by `fetch`.
      "accept-encoding": "identity",
      ...(have > 0 ? { range: `bytes=${have}-` } : {}),
    },
    signal: signal ? AbortSignal.any([timer.signal, signal]) : timer.signal,
  });
  if (response.status === 416 && have > 0) {
    await response.body?.cancel();
    return true;
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw downloadError(
      url,
      `the server answers ${response.status} ${response.statusText}`.trim(),
      "name a mirror with --data-url, or put the files in --data-dir",
    );
  }
  // A server without range requests sends the whole file again.
  if (response.status !== 206) have = 0;
  const length = Number(response.headers.get("content-length")) || undefined;
  const total = length === undefined ? undefined : have + length;
  using file = await Deno.open(part, {
    write: true,
    create: true,
    append: have > 0,
    truncate: have === 0,
  });
  for await (const chunk of response.body) {
    timer.restart();
    await writeAll(file, chunk);
    have += chunk.length;
    onBytes?.(have, total);
  }
  return total === undefined || have >= total;
}

/** The MD5 of a file, in hexadecimal digits. */
export async function md5Of(path: string): Promise<string> {
  const hash = createHash("md5");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

/**
 * Downloads a file unless it exists with the right digest. Proxies are taken from
 * `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, as everywhere in Deno.
 *
 * @throws {EmpSslError} `DOWNLOAD_FAILED`: no connection, an HTTP error, a full disk,
 * or a wrong digest. A partial download is kept for the next call, except where the
 * digest is wrong.
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { url, path, md5 } = options;
  const part = `${path}.part`;
  const told = rethrowing(options.onBytes);
  if (fileSize(path) && await md5Of(path) === md5) return;
  let attempts = 0;
  for (;;) {
    const before = fileSize(part) ?? 0;
    try {
      if (await append({ ...options, onBytes: told.call }, part)) break;
      throw new Error("the connection ended early");
    } catch (error) {
      options.signal?.throwIfAborted();
      told.rethrow();
      if (error instanceof EmpSslError) throw error;
      if (isDiskError(error)) throw writeError(part, error, DISK);
      if ((fileSize(part) ?? 0) > before) attempts = 0;
      if (++attempts === ATTEMPTS) {
        const kept = fileSize(part) ? "; the partial download is kept" : "";
        throw downloadError(
          url,
          messageOf(error),
          "check the network (proxies: HTTPS_PROXY), name a mirror with " +
            `--data-url, or put the files in --data-dir${kept}`,
          error,
        );
      }
      await delay(PAUSE_MS * attempts, options);
    }
  }
  const found = await md5Of(part);
  if (found !== md5) {
    await Deno.remove(part);
    throw downloadError(
      url,
      `its MD5 is ${found} (expected ${md5})`,
      "try again or name another --data-url; the file was removed",
    );
  }
  await Deno.rename(part, path);
}
