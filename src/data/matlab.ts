/**
 * Reads structures of a MATLAB 5 file, as far as ImageNet's `meta.mat` needs:
 * arrays of structures whose fields are numbers and strings («MAT-File Format»,
 * MathWorks, chapter 1).
 *
 * @module
 */
import { Unzlib } from "../deps/inflate.ts";
import { concatBytes } from "../common/files.ts";
import { EmpSslError, messageOf } from "../common/errors.ts";

/** A structure; only fields with a number or a string are read. */
export type MatlabStruct = Record<string, number | string>;

const COMPRESSED = 15, MATRIX = 14;
/** Array classes: structures, strings; 6 to 15 are numeric. */
const STRUCT = 2, CHAR = 4, FIRST_NUMBER = 6, LAST_NUMBER = 15;
/** Limit against decompression bombs; the real file has about a megabyte. */
const MOST_BYTES = 64 * 2 ** 20;

/** Size and reader of each numeric storage type. */
const READERS: Record<number, [bytes: number, keyof DataView]> = {
  1: [1, "getInt8"],
  2: [1, "getUint8"],
  3: [2, "getInt16"],
  4: [2, "getUint16"],
  5: [4, "getInt32"],
  6: [4, "getUint32"],
  7: [4, "getFloat32"],
  9: [8, "getFloat64"],
  16: [1, "getUint8"],
  17: [2, "getUint16"],
};

interface Element {
  type: number;
  bytes: Uint8Array;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** The consecutive data elements in some bytes. */
function* elementsOf(bytes: Uint8Array): Generator<Element> {
  const view = viewOf(bytes);
  for (let at = 0; at + 8 <= bytes.length;) {
    const tag = view.getUint32(at, true);
    // A small element has up to four bytes of data in the tag itself.
    const small = tag >>> 16 !== 0;
    const type = small ? tag & 0xffff : tag;
    const size = small ? tag >>> 16 : view.getUint32(at + 4, true);
    const start = at + (small ? 4 : 8), end = start + size;
    if (end > bytes.length) throw new Error("an element goes beyond the end");
    yield { type, bytes: bytes.subarray(start, end) };
    at = small ? at + 8 : end + (type === COMPRESSED ? 0 : -size & 7);
  }
}

function numbersOf({ type, bytes }: Element): number[] {
  const reader = READERS[type];
  if (reader === undefined) {
    throw new Error(`it has numbers of the unsupported type ${type}`);
  }
  const [size, method] = reader, view = viewOf(bytes);
  const read = view[method] as (at: number, little: boolean) => number;
  return Array.from(
    { length: Math.floor(bytes.length / size) },
    (_, i) => read.call(view, i * size, true),
  );
}

const textOf = (element: Element) =>
  String.fromCharCode(...numbersOf(element)).replace(/\0+$/, "");

/** Contents of an array; undefined for types that are not read. */
type Content = number | string | MatlabStruct[] | undefined;

function contentOf({ type, bytes }: Element, depth: number): Content {
  if (type !== MATRIX || depth > 2) return undefined;
  const [flags, dimensions, , ...rest] = elementsOf(bytes);
  if (flags === undefined || dimensions === undefined) return undefined;
  const kind = numbersOf(flags)[0]! & 0xff;
  const [data] = rest;
  if (data === undefined) return undefined;
  if (kind === CHAR) return textOf(data);
  if (kind >= FIRST_NUMBER && kind <= LAST_NUMBER) return numbersOf(data)[0];
  if (kind !== STRUCT) return undefined;
  const length = numbersOf(data)[0]!;
  const names = new TextDecoder().decode(rest[1]!.bytes);
  const fields = Array.from(
    { length: length > 0 ? Math.floor(names.length / length) : 0 },
    (_, i) => names.slice(i * length, (i + 1) * length).replace(/\0.*$/s, ""),
  );
  if (fields.length === 0) return [];
  const values = rest.slice(2);
  return Array.from({ length: Math.floor(values.length / fields.length) }, (
    _,
    i,
  ) => {
    const struct: MatlabStruct = Object.create(null);
    fields.forEach((field, j) => {
      const value = contentOf(values[i * fields.length + j]!, depth + 1);
      if (typeof value === "number" || typeof value === "string") {
        struct[field] = value;
      }
    });
    return struct;
  });
}

/** Decompresses some bytes, up to the limit. */
function inflate(packed: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let size = 0;
  const stream = new Unzlib((part) => {
    size += part.length;
    if (size > MOST_BYTES) throw new Error("it unpacks to too many bytes");
    parts.push(part);
  });
  // In pieces, so that the limit is noticed before all is decompressed.
  const piece = 1 << 16;
  for (let at = 0; at < packed.length; at += piece) {
    const end = at + piece;
    stream.push(packed.subarray(at, end), end >= packed.length);
  }
  return concatBytes(parts);
}

/**
 * The first array of structures in a MATLAB 5 file.
 *
 * @param file Its bytes.
 * @param path Its name for messages.
 * @throws {EmpSslError} `INVALID_DATA` where there is none.
 */
export function readMatlabStructs(
  file: Uint8Array,
  path: string,
): MatlabStruct[] {
  try {
    if (
      !new TextDecoder("latin1").decode(file.subarray(0, 10)).startsWith(
        "MATLAB 5.0",
      )
    ) {
      throw new Error("it is not a MATLAB 5 file");
    }
    for (const element of elementsOf(file.subarray(128))) {
      const [inner] = element.type === COMPRESSED
        ? elementsOf(inflate(element.bytes))
        : [element];
      const content = inner && contentOf(inner, 0);
      if (Array.isArray(content)) return content;
    }
    throw new Error("it contains no struct array");
  } catch (error) {
    throw new EmpSslError({
      action: "read",
      subject: path,
      found: messageOf(error),
      remedy: "use the unchanged meta.mat of the development kit",
      code: "INVALID_DATA",
      cause: error,
    });
  }
}
