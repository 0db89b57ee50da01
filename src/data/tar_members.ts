/**
 * Finds the byte offsets of the files in a tar archive by reading only its headers,
 * so that files can be read in place, without unpacking. (POSIX.1-1988 ustar, pax,
 * and GNU's long names.)
 *
 * @module
 */
import { errorMaker } from "../common/errors.ts";
import { readAtSync } from "../common/files.ts";

const tarError = errorMaker("read the shard", "INVALID_DATA");

/** Bytes of a header; contents are padded to a multiple of this. */
const BLOCK = 512;

/** A file in an archive. */
export interface TarMember {
  /** Its path in the archive. */
  name: string;
  /** Byte offset of its contents. */
  offset: number;
  /** Size of its contents in bytes. */
  size: number;
  /** Reads its contents; valid only while the archive is being iterated. */
  read(): Uint8Array;
}

const decoder = new TextDecoder();

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** An octal number, or a binary one where the first bit is set (GNU). */
function numberOf(bytes: Uint8Array): number {
  if (bytes[0]! & 0x80) {
    return bytes.subarray(1).reduce((n, byte) => n * 256 + byte, 0);
  }
  const text = textOf(bytes).trim() || "0";
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : NaN;
}

/** Whether the checksum is right: the sum of the bytes, its own field as spaces. */
function isHeader(header: Uint8Array): boolean {
  const sum = header.reduce((total, byte) => total + byte, 0);
  const own = header.subarray(148, 156);
  return numberOf(own) === sum - own.reduce((n, byte) => n + byte - 32, 0);
}

/** The records of a pax header: `12 path=a/b\n`. */
function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(32, at);
    const length = Number(decoder.decode(bytes.subarray(at, blank)));
    if (blank < 0 || !(Number.isInteger(length) && length > 0)) break;
    const text = decoder.decode(bytes.subarray(blank + 1, at + length - 1));
    const equals = text.indexOf("=");
    records.set(text.slice(0, equals), text.slice(equals + 1));
    at += length;
  }
  return records;
}

/**
 * The files of an archive, in archive order; folders and links are left out.
 *
 * @param path A tar archive that is not compressed.
 * @throws {EmpSslError} `INVALID_DATA` where it is not one, or is truncated.
 */
export function* tarMembers(path: string): Generator<TarMember> {
  using file = Deno.openSync(path);
  const { size: whole } = file.statSync();
  const read = (offset: number, count: number): Uint8Array => {
    const bytes = new Uint8Array(count);
    if (readAtSync(file, offset, bytes) === count) return bytes;
    throw tarError(path, "it is truncated", "copy the file again");
  };
  if (whole < BLOCK) {
    throw tarError(path, "it is not a tar archive", "copy the file again");
  }
  let next: { name?: string; size?: number } = {};
  for (let at = 0; at + BLOCK <= whole;) {
    const header = read(at, BLOCK);
    if (header.every((byte) => byte === 0)) return;
    if (!isHeader(header)) {
      const found = at === 0
        ? "it is not a tar archive, or it is compressed"
        : `there is no tar header at byte ${at}`;
      throw tarError(
        path,
        found,
        "give complete, uncompressed .tar files",
      );
    }
    const own = numberOf(header.subarray(124, 136)), size = next.size ?? own;
    const offset = at + BLOCK, kind = String.fromCharCode(header[156]!);
    // Also where it is no number.
    if (!(Number.isSafeInteger(size) && size >= 0 && offset + size <= whole)) {
      throw tarError(path, "it is truncated", "copy the file again");
    }
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
    if (kind === "x") {
      const records = paxRecords(read(offset, size));
      const { path: name, size: long } = Object.fromEntries(records);
      next = { name: name ?? next.name, size: long ? Number(long) : undefined };
    } else if (kind === "L") {
      next = { ...next, name: textOf(read(offset, size)) };
    } else {
      if (kind === "0" || kind === "\0") {
        const short = textOf(header.subarray(0, 100));
        const ustar = textOf(header.subarray(257, 262)) === "ustar";
        const prefix = ustar ? textOf(header.subarray(345, 500)) : "";
        const name = next.name ?? (prefix ? `${prefix}/${short}` : short);
        yield { name, offset, size, read: () => read(offset, size) };
      }
      if (kind !== "g") next = {};
    }
  }
  // An archive ends with blocks of zeros.
  throw tarError(
    path,
    "its end is missing: it is truncated",
    "copy the file again",
  );
}
