/**
 * CIFAR-10 and CIFAR-100 in the official binary form: records of one (or, for
 * CIFAR-100, two) label bytes and 3,072 bytes of planar 32×32 RGB.
 *
 * Source: Krizhevsky, «Learning Multiple Layers of Features from Tiny Images»,
 * 2009, and the description that comes with the binary archives.
 *
 * @module
 */
import { EmpSslError, isEmpSslError, messageOf } from "../errors.ts";
import type { Dataset, SharedData, Split } from "./dataset.ts";
import type { Image } from "./image.ts";

const SIDE = 32;
const PLANE = SIDE * SIDE;
const PIXELS = 3 * PLANE;

/** How one of the two formats is laid out. */
interface Format {
  name: string;
  /** Which of the label bytes is the class: CIFAR-100 has the coarse one first. */
  labelAt: number;
  /** Of each label byte of a record, how many values it has. */
  counts: number[];
  archiveFolder: string;
  /** The folder of the archive's Python form. */
  pythonFolder: string;
  namesFile: string;
  files: Record<Split, RegExp>;
}

const CIFAR10: Format = {
  name: "cifar10",
  labelAt: 0,
  counts: [10],
  archiveFolder: "cifar-10-batches-bin",
  pythonFolder: "cifar-10-batches-py",
  namesFile: "batches.meta.txt",
  files: {
    train: /^(data_batch_\d+|train.*)\.bin$/,
    test: /^test.*\.bin$/,
  },
};

const CIFAR100: Format = {
  name: "cifar100",
  labelAt: 1,
  counts: [20, 100],
  archiveFolder: "cifar-100-binary",
  pythonFolder: "cifar-100-python",
  namesFile: "fine_label_names.txt",
  files: { train: /^train.*\.bin$/, test: /^test.*\.bin$/ },
};

const CIFAR100_COARSE: Format = {
  ...CIFAR100,
  name: "cifar100-coarse",
  labelAt: 0,
  namesFile: "coarse_label_names.txt",
};

/** A record: its label bytes and its pixels. */
function recordBytesOf({ counts }: Format): number {
  return counts.length + PIXELS;
}

function classCount({ counts, labelAt }: Format): number {
  return counts[labelAt];
}

/** One record file, whole in memory that all threads share: 180 MB in all. */
interface RecordFile {
  path: string;
  bytes: Uint8Array;
  firstIndex: number;
}

class CifarDataset implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly string[];
  #format: Format;
  #files: RecordFile[];

  constructor(
    format: Format,
    files: { path: string; bytes: Uint8Array }[],
    classes: readonly string[],
  ) {
    this.name = format.name;
    this.classes = classes;
    this.#format = format;
    let firstIndex = 0;
    this.#files = files.map((file) => {
      const first = firstIndex;
      firstIndex += file.bytes.length / recordBytesOf(format);
      return { ...file, firstIndex: first };
    });
    this.length = firstIndex;
  }

  share(): SharedData {
    const { name, classes } = this;
    return { kind: "records", name, classes, files: this.#files };
  }

  #record(index: number): { file: RecordFile; offset: number } {
    const recordBytes = recordBytesOf(this.#format);
    const file = this.#files.findLast((f) => f.firstIndex <= index)!;
    return { file, offset: (index - file.firstIndex) * recordBytes };
  }

  label(index: number): number {
    const { file, offset } = this.#record(index);
    return file.bytes[offset + this.#format.labelAt];
  }

  describe(index: number): string {
    const { file, offset } = this.#record(index);
    return `${file.path} at byte ${offset}`;
  }

  image(index: number): Image {
    const { file, offset } = this.#record(index);
    const start = offset + this.#format.counts.length;
    const planes = file.bytes.subarray(start, start + PIXELS);
    const data = new Uint8Array(PIXELS);
    for (let i = 0, o = 0; i < PLANE; i++, o += 3) {
      data[o] = planes[i];
      data[o + 1] = planes[PLANE + i];
      data[o + 2] = planes[2 * PLANE + i];
    }
    return { width: SIDE, height: SIDE, data };
  }
}

/** A file in shared memory. */
async function readShared(path: string): Promise<Uint8Array> {
  const bytes = await Deno.readFile(path);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/** Reads one record file and checks its length and every label. */
async function readRecords(path: string, format: Format): Promise<Uint8Array> {
  const bytes = await readShared(path).catch((error: unknown) => {
    throw new EmpSslError({
      action: "read",
      subject: path,
      found: messageOf(error),
      remedy: "make it readable, or get the file again",
      code: "INVALID_DATA",
      cause: error,
    });
  });
  const recordBytes = recordBytesOf(format);
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
    const whole = Math.floor(bytes.length / recordBytes) * recordBytes;
    throw new EmpSslError({
      action: "read",
      subject: path,
      found:
        `its ${bytes.length} bytes are not a whole number of ${recordBytes}-byte records (the last one starts at byte ${whole})`,
      remedy: "get the file again",
      code: "INVALID_DATA",
    });
  }
  for (let record = 0; record < bytes.length; record += recordBytes) {
    for (const [i, count] of format.counts.entries()) {
      const at = record + i;
      if (bytes[at] < count) continue;
      throw new EmpSslError({
        action: "read",
        subject: path,
        found: `the label at byte ${at} is ${
          bytes[at]
        } where ${format.name} has 0 to ${count - 1} there`,
        remedy: "get the file again, or name the right --data",
        code: "INVALID_DATA",
      });
    }
  }
  return bytes;
}

/** The names of the classes, where the archive's list of them is at hand. */
async function readClassNames(dir: string, format: Format): Promise<string[]> {
  const numbers = Array.from({ length: classCount(format) }, (_, i) => `${i}`);
  try {
    const text = await Deno.readTextFile(`${dir}/${format.namesFile}`);
    const names = text.split("\n").map((s) => s.trim()).filter((s) => s);
    return names.length === classCount(format) ? names : numbers;
  } catch {
    return numbers;
  }
}

/** The folder that holds the record files: `dir`, or the archive's own in it. */
async function findFiles(
  dir: string,
  format: Format,
  split: Split,
): Promise<{ dir: string; names: string[] }> {
  let seen = "no such folder";
  const { archiveFolder, pythonFolder } = format;
  const folders = [dir, `${dir}/${archiveFolder}`, `${dir}/${pythonFolder}`];
  for (const candidate of folders) {
    try {
      const names = (await Array.fromAsync(Deno.readDir(candidate)))
        .filter((entry) => !entry.isDirectory).map((entry) => entry.name);
      const wanted = names.filter((name) => format.files[split].test(name));
      if (wanted.length > 0) return { dir: candidate, names: wanted.sort() };
      if (
        names.some((name) =>
          /^(data_batch_\d|test_batch|train|test)$/.test(name)
        )
      ) {
        throw formatError(
          format,
          candidate,
          "it holds the Python form of the archive, pickles that run code",
          "INVALID_DATA",
        );
      }
      seen = `no ${split} file in binary form (such as ${
        split === "train" ? "data_batch_1.bin" : "test_batch.bin"
      })`;
    } catch (error) {
      if (isEmpSslError(error)) throw error;
      if (!(error instanceof Deno.errors.NotFound)) seen = messageOf(error);
    }
  }
  throw formatError(format, dir, seen, "NOT_FOUND");
}

function formatError(
  format: Format,
  dir: string,
  found: string,
  code: "NOT_FOUND" | "INVALID_DATA",
): EmpSslError {
  return new EmpSslError({
    action: `open ${format.name} in`,
    subject: dir,
    found,
    remedy:
      `put the binary version of the archive there, unpacked, or name its folder with --data-dir`,
    code,
  });
}

async function open(
  format: Format,
  { dir, split }: { dir: string; split: Split },
): Promise<Dataset> {
  const found = await findFiles(dir, format, split);
  const files: { path: string; bytes: Uint8Array }[] = [];
  for (const name of found.names) {
    const path = `${found.dir}/${name}`;
    files.push({ path, bytes: await readRecords(path, format) });
  }
  return new CifarDataset(
    format,
    files,
    await readClassNames(found.dir, format),
  );
}

/** Opens what another thread has read. */
export function openSharedCifar(
  { name, classes, files }: SharedData & { kind: "records" },
): Dataset {
  const formats = [CIFAR10, CIFAR100, CIFAR100_COARSE];
  const format = formats.find((format) => format.name === name)!;
  return new CifarDataset(format, files, classes);
}

/**
 * Opens CIFAR-10's binary record files (`data_batch_*.bin` or `train*.bin`,
 * `test*.bin`) in a folder or in `cifar-10-batches-bin` under it.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is no such file;
 * `INVALID_DATA`, with the byte offset, where one is malformed.
 */
export function openCifar10(
  options: { dir: string; split: Split },
): Promise<Dataset> {
  return open(CIFAR10, options);
}

/**
 * Opens CIFAR-100's binary record files (`train.bin`, `test.bin`), with the
 * fine labels, in a folder or in `cifar-100-binary` under it.
 *
 * @throws {EmpSslError} As {@linkcode openCifar10}.
 */
export function openCifar100(
  options: { dir: string; split: Split },
): Promise<Dataset> {
  return open(CIFAR100, options);
}

/**
 * Opens CIFAR-100 as {@linkcode openCifar100} does, with the 20 coarse labels.
 *
 * @throws {EmpSslError} As {@linkcode openCifar10}.
 */
export function openCifar100Coarse(
  options: { dir: string; split: Split },
): Promise<Dataset> {
  return open(CIFAR100_COARSE, options);
}
