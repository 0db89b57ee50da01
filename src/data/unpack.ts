/**
 * Unpacks `.tar.gz` and `.zip` archives as a stream. Archives are untrusted: names
 * that lead out of the folder, links, devices and decompression bombs are refused.
 *
 * @module
 */
import {
  configureZip,
  createTarDecoder,
  ZipReader,
  ZipSource,
} from "../deps/archives.ts";
import { EmpSslError, isEmpSslError, messageOf } from "../common/errors.ts";
import { rethrowing } from "../common/failure.ts";
import { readAtSync, writeAll } from "../common/files.ts";

/** Called for each file, with the number of files so far. */
export type OnFile = (files: number) => void;

/** Maximum compression ratio: above what any archive that we unpack has. */
const MOST_TIMES = 1000;
const MOST_FILES = 2_000_000;

function unpackError(
  path: string,
  found: string,
  cause?: unknown,
): EmpSslError {
  return new EmpSslError({
    action: "unpack",
    subject: path,
    found,
    remedy: /no space|quota/i.test(found)
      ? "free some disk space there"
      : "get it from its publisher again",
    code: "INVALID_DATA",
    cause,
  });
}

/** The path to which an entry is written; throws if it is outside the folder. */
export function safeTarget(archive: string, into: string, name: string) {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  const bad = name.startsWith("/") || name.includes("\\") ||
    name.includes("\0") || /^[a-z]:/i.test(name) || parts.includes("..");
  if (bad || parts.length === 0) {
    throw unpackError(
      archive,
      `an entry has the unsafe name "${name.slice(0, 100)}"`,
    );
  }
  return [into, ...parts].join("/");
}

/** Limits the number of files and the bytes that come out of an archive. */
class Budget {
  #archive: string;
  #bytes: number;
  #files = 0;
  #onFile?: OnFile;

  constructor(archive: string, size: number, onFile?: OnFile) {
    this.#archive = archive;
    this.#bytes = size * MOST_TIMES;
    this.#onFile = onFile;
  }

  file(): void {
    this.#onFile?.(++this.#files);
    if (this.#files > MOST_FILES) {
      throw unpackError(this.#archive, `it has more than ${MOST_FILES} files`);
    }
  }

  take(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes < 0) {
      throw unpackError(
        this.#archive,
        `it unpacks to more than ${MOST_TIMES} times its size`,
      );
    }
  }
}

async function makeParent(path: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
}

/** Creates the file of an entry; an entry that occurs twice is refused. */
async function createFile(
  archive: string,
  path: string,
  name: string,
): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { write: true, createNew: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw unpackError(archive, `it has the entry "${name}" twice`);
  }
}

async function unpackTarGz(
  archive: string,
  into: string,
  budget: Budget,
): Promise<void> {
  using file = await Deno.open(archive);
  const entries = file.readable
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(createTarDecoder());
  for await (const { header, body } of entries) {
    const { name, type } = header;
    if (type === "directory") {
      await Deno.mkdir(safeTarget(archive, into, name), { recursive: true });
      await body.cancel();
      continue;
    }
    if (type !== "file") {
      throw unpackError(
        archive,
        `the entry "${name}" is a ${type} (not allowed)`,
      );
    }
    budget.file();
    const path = safeTarget(archive, into, name);
    await makeParent(path);
    using output = await createFile(archive, path, name);
    let bytes = 0;
    for await (const chunk of body as ReadableStream<Uint8Array>) {
      budget.take(chunk.length);
      bytes += chunk.length;
      await writeAll(output, chunk);
    }
    if (bytes !== header.size) {
      throw unpackError(archive, `it ends in the middle of "${name}"`);
    }
  }
}

/** A zip archive's bytes, read from the file as they are needed. */
class FileSource extends ZipSource<string> {
  #file: Deno.FsFile;
  constructor(path: string, file: Deno.FsFile, size: number) {
    super(path);
    this.#file = file;
    this.size = size;
  }
  override readUint8Array(offset: number, length: number) {
    const bytes = new Uint8Array(Math.min(length, this.size - offset));
    if (readAtSync(this.#file, offset, bytes) < bytes.length) {
      return Promise.reject(new Error("the file ends early"));
    }
    return Promise.resolve(bytes);
  }
}

const LINK = 0o120000, KIND = 0o170000;

async function unpackZip(
  archive: string,
  into: string,
  budget: Budget,
): Promise<void> {
  configureZip({ useWebWorkers: false });
  using file = await Deno.open(archive);
  const { size } = await file.stat();
  const reader = new ZipReader(new FileSource(archive, file, size));
  for await (const entry of reader.getEntriesGenerator()) {
    const path = safeTarget(archive, into, entry.filename);
    if (entry.directory) {
      await Deno.mkdir(path, { recursive: true });
      continue;
    }
    const mode = (entry.externalFileAttributes ?? 0) >>> 16;
    if ((mode & KIND) === LINK) {
      throw unpackError(
        archive,
        `the entry "${entry.filename}" is a link (not allowed)`,
      );
    }
    budget.file();
    budget.take(entry.uncompressedSize);
    await makeParent(path);
    using output = await createFile(archive, path, entry.filename);
    let left = entry.uncompressedSize;
    await entry.getData!(
      new WritableStream({
        async write(chunk: Uint8Array) {
          // The size in the archive's directory may be wrong.
          left -= chunk.length;
          if (left < 0) {
            throw unpackError(
              archive,
              "an entry is larger than the archive says",
            );
          }
          await writeAll(output, chunk);
        },
      }),
      { checkSignature: true },
    );
  }
  await reader.close();
}

/**
 * Unpacks an archive into a folder that must not exist yet. It is unpacked to a
 * temporary sibling and renamed, so the folder is complete or does not exist.
 *
 * @param archive A file whose name ends in `.zip`, or a gzipped tar.
 * @param into The folder.
 * @throws {EmpSslError} `INVALID_DATA` where the archive is damaged or hostile.
 */
export async function unpack(
  archive: string,
  into: string,
  onFile?: OnFile,
): Promise<void> {
  const temporary = `${into}.unpacking`;
  await Deno.remove(temporary, { recursive: true }).catch(() => {});
  await Deno.mkdir(temporary, { recursive: true });
  const { size } = await Deno.stat(archive);
  const told = rethrowing(onFile);
  const budget = new Budget(archive, size, told.call);
  try {
    if (archive.endsWith(".zip")) await unpackZip(archive, temporary, budget);
    else await unpackTarGz(archive, temporary, budget);
    await Deno.rename(temporary, into);
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    told.rethrow();
    if (isEmpSslError(error)) throw error;
    throw unpackError(archive, messageOf(error), error);
  }
}
