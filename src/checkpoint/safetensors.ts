/**
 * The safetensors format: eight bytes of header length, a JSON header, the tensors.
 * Float32 is read and written. Float16 is read, for weights of other programs; headers
 * may also list float16 and int32, for exports and features.
 *
 * Source: the format's description, huggingface/safetensors, README.
 *
 * @module
 */
import { EmpSslError, isEmpSslError, messageOf } from "../common/errors.ts";
import { bytesOf, concatBytes, readAtSync } from "../common/files.ts";
import { sizeOf } from "../model/tensors.ts";

/** A tensor in a file. */
export interface NamedTensor {
  /** Its name. */
  name: string;
  /** Its shape. */
  shape: number[];
  /** Its values. */
  values: Float32Array;
}

/** The contents of a file. */
export interface TensorFile {
  /** The tensors by name. */
  tensors: Map<string, { shape: number[]; values: Float32Array }>;
  /** The header's free-form metadata. */
  metadata: Record<string, string>;
}

/** The format's limit on the header, against malicious files. */
const MAX_HEADER = 100_000_000;

/** How the numbers of each type that is read become float32. */
const READ: Record<
  string,
  { bytes: number; from(b: ArrayBuffer): Float32Array }
> = {
  F32: { bytes: 4, from: (bytes) => new Float32Array(bytes) },
  F16: {
    bytes: 2,
    from: (bytes) => Float32Array.from(new Float16Array(bytes)),
  },
  // The upper half of a float32.
  BF16: {
    bytes: 2,
    from(bytes) {
      const halves = new Uint16Array(bytes);
      const words = Uint32Array.from(halves, (half) => half << 16);
      return new Float32Array(words.buffer);
    },
  },
  F64: {
    bytes: 8,
    from: (bytes) => Float32Array.from(new Float64Array(bytes)),
  },
};

/** Bytes per element of each type that is written. */
const BYTES = { F32: 4, I32: 4, F16: 2 } as const;

/** A tensor's entry in a header. */
export interface TensorShape {
  /** Its name. */
  name: string;
  /** Its shape. */
  shape: number[];
  /** Its element type. */
  dtype: keyof typeof BYTES;
}

/** The header of a file whose tensors follow in the given order. */
export function safetensorsHeader(
  tensors: TensorShape[],
  metadata: Record<string, string> = {},
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, dtype } of tensors) {
    const end = offset + BYTES[dtype] * sizeOf(shape);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  let text = JSON.stringify(header);
  // Pads the header with spaces, to align the tensors to eight bytes.
  const length = new TextEncoder().encode(text).length;
  text += " ".repeat((8 - length % 8) % 8);
  const bytes = new TextEncoder().encode(text);
  const head = new Uint8Array(8 + bytes.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(bytes.length), true);
  head.set(bytes, 8);
  return head;
}

/** Encodes tensors and metadata. */
export function encodeSafetensors(
  tensors: NamedTensor[],
  metadata: Record<string, string> = {},
): Uint8Array {
  const head = safetensorsHeader(
    tensors.map(({ name, shape }) => ({ name, shape, dtype: "F32" })),
    metadata,
  );
  return concatBytes([
    head,
    ...tensors.map(({ values }) => bytesOf(values)),
  ]);
}

function invalid(subject: string, found: string, cause?: unknown): EmpSslError {
  return new EmpSslError({
    action: "read checkpoint",
    subject,
    found,
    remedy: "choose another checkpoint",
    code: "INVALID_CHECKPOINT",
    cause,
  });
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isEntry(value: unknown): value is Entry {
  const entry = value as Partial<Entry> | null;
  return typeof entry === "object" && entry !== null &&
    typeof entry.dtype === "string" && Array.isArray(entry.shape) &&
    entry.shape.every(isWhole) && Array.isArray(entry.data_offsets) &&
    entry.data_offsets.length === 2 && entry.data_offsets.every(isWhole);
}

/** Whether bytes begin a zip archive, as of `torch.save` since 1.6, or a bare pickle. */
function isPickle([first, second = 0]: Uint8Array): boolean {
  const zip = first === 0x50 && second === 0x4b;
  return zip || first === 0x80 && second >= 2 && second <= 5;
}

/** The header's length, from the first eight bytes of a file of `size` bytes. */
function headerLength(first: Uint8Array, size: number, name: string): number {
  let fault = "it is shorter than its header";
  if (first.length === 8) {
    const view = new DataView(first.buffer, first.byteOffset, first.byteLength);
    const length = view.getBigUint64(0, true);
    if (length <= BigInt(Math.min(MAX_HEADER, size - 8))) return Number(length);
    fault = `its header length of ${length} bytes does not fit it: it is ` +
      "damaged, or no .safetensors file";
  }
  // A valid length may begin with the same two bytes.
  if (isPickle(first)) {
    throw new EmpSslError({
      action: "read",
      subject: name,
      found:
        "it is a pickle, as torch.save writes it, which may run code when read",
      remedy:
        "save it with safetensors.torch.save_file(state_dict, …) and name that file",
      code: "INVALID_CHECKPOINT",
    });
  }
  throw invalid(name, fault);
}

/**
 * Decodes a file. Its contents are not trusted: lengths, offsets, shapes and types are
 * checked against the size of the file. Tensors of other types are skipped.
 *
 * @param file The whole file.
 * @param name The file's name in error messages.
 * @throws {EmpSslError} `INVALID_CHECKPOINT`.
 *
 * @example There and back
 * ```ts
 * import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
 *
 * const file = encodeSafetensors([
 *   { name: "a", shape: [2], values: Float32Array.of(1, 2) },
 * ]);
 * const { tensors } = decodeSafetensors(file, "a file");
 * console.assert(tensors.get("a")!.values[1] === 2);
 * ```
 */
export function decodeSafetensors(file: Uint8Array, name: string): TensorFile {
  const length = headerLength(file.subarray(0, 8), file.length, name);
  const start = 8 + length;
  let header: Record<string, unknown>;
  try {
    const text = new TextDecoder("utf-8", { fatal: true })
      .decode(file.subarray(8, start));
    header = JSON.parse(text);
  } catch (error) {
    throw invalid(name, `its header is not JSON (${messageOf(error)})`, error);
  }
  if (
    typeof header !== "object" || header === null || Array.isArray(header)
  ) throw invalid(name, "its header is not an object");
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors: TensorFile["tensors"] = new Map();
  const spans: [number, number][] = [];
  for (const [tensor, entry] of Object.entries(entries)) {
    if (!isEntry(entry)) {
      throw invalid(name, `its entry ${tensor} is malformed`);
    }
    const type = READ[entry.dtype];
    // Such as the counters of PyTorch's batch norms.
    if (type === undefined) continue;
    const [from, to] = entry.data_offsets;
    const size = sizeOf(entry.shape);
    if (
      to < from || to > file.length - start || to - from !== type.bytes * size
    ) {
      throw invalid(
        name,
        `bytes ${from} to ${to} of ${tensor} do not match its shape or the file`,
      );
    }
    spans.push([from, to]);
    const bytes = file.slice(start + from, start + to);
    tensors.set(tensor, {
      shape: entry.shape,
      values: type.from(bytes.buffer),
    });
  }
  spans.sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < spans.length; i++) {
    if (spans[i]![0] < spans[i - 1]![1]) {
      throw invalid(name, "its tensors overlap");
    }
  }
  return { tensors, metadata: textsOf(metadata) };
}

/**
 * Reads the metadata of a file, without its tensors.
 *
 * @throws {EmpSslError} `INVALID_CHECKPOINT`.
 */
export function readSafetensorsMetadata(path: string): Record<string, string> {
  try {
    using file = Deno.openSync(path);
    const { size } = file.statSync();
    const read = (offset: number, length: number) => {
      const bytes = new Uint8Array(length);
      if (readAtSync(file, offset, bytes) === length) return bytes;
      throw new Error("it is shorter than its header");
    };
    const length = headerLength(read(0, 8), size, path);
    const header = JSON.parse(
      new TextDecoder().decode(read(8, length)),
    );
    return textsOf(header?.__metadata__);
  } catch (error) {
    throw isEmpSslError(error) ? error : invalid(path, messageOf(error), error);
  }
}

function textsOf(metadata: unknown): Record<string, string> {
  if (typeof metadata !== "object" || metadata === null) return {};
  return Object.fromEntries(
    Object.entries(metadata).filter((entry): entry is [string, string] =>
      typeof entry[1] === "string"
    ),
  );
}
