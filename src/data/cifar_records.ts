/**
 * The records of CIFAR's binary files: one (or, for CIFAR-100, two) label bytes
 * and 3,072 bytes of planar 32×32 RGB.
 *
 * Source: Krizhevsky, «Learning Multiple Layers of Features from Tiny Images»,
 * 2009, and the description that comes with the binary archives.
 *
 * @module
 */
import { errorMaker, messageOf } from "../common/errors.ts";
import type { Dataset, SharedData, Split } from "./dataset.ts";
import type { Image } from "./image.ts";

const readError = errorMaker("read", "INVALID_DATA");

const SIDE = 32;
const PLANE = SIDE * SIDE;
const PIXELS = 3 * PLANE;

/** Layout of the records of a data set, and the names of its files. */
export interface CifarFormat {
  name: string;
  /** Which of the label bytes is the class: CIFAR-100 has the coarse one first. */
  labelAt: number;
  /** Number of classes of each label byte of a record. */
  counts: number[];
  archiveFolder: string;
  /** The folder of the archive's Python version. */
  pythonFolder: string;
  namesFile: string;
  files: Record<Split, RegExp>;
}

const CIFAR10: CifarFormat = {
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

const CIFAR100: CifarFormat = {
  name: "cifar100",
  labelAt: 1,
  counts: [20, 100],
  archiveFolder: "cifar-100-binary",
  pythonFolder: "cifar-100-python",
  namesFile: "fine_label_names.txt",
  files: { train: /^train.*\.bin$/, test: /^test.*\.bin$/ },
};

/** The formats: CIFAR-100 with its fine labels, and with the coarse ones. */
export const CIFAR_FORMATS = {
  cifar10: CIFAR10,
  cifar100: CIFAR100,
  "cifar100-coarse": {
    ...CIFAR100,
    name: "cifar100-coarse",
    labelAt: 0,
    namesFile: "coarse_label_names.txt",
  },
} satisfies Record<string, CifarFormat>;

/** The name of a format, which is that of its data set. */
export type CifarName = keyof typeof CIFAR_FORMATS;

/** Size of a record in bytes: its labels and its pixels. */
function recordBytesOf({ counts }: CifarFormat): number {
  return counts.length + PIXELS;
}

/** How many classes a format has. */
export function classCount({ counts, labelAt }: CifarFormat): number {
  return counts[labelAt]!;
}

/** A record file, in memory that all threads share: 180 MB for all files. */
interface RecordFile {
  path: string;
  bytes: Uint8Array;
  firstIndex: number;
}

/** Record files that have been read and checked. */
export class CifarDataset implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly string[];
  #format: CifarFormat;
  #files: RecordFile[];

  constructor(
    format: CifarFormat,
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
    return file.bytes[offset + this.#format.labelAt]!;
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
      data[o] = planes[i]!;
      data[o + 1] = planes[PLANE + i]!;
      data[o + 2] = planes[2 * PLANE + i]!;
    }
    return { width: SIDE, height: SIDE, data };
  }
}

/** Reads a file into shared memory. */
async function readShared(path: string): Promise<Uint8Array> {
  const bytes = await Deno.readFile(path);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/** Reads one record file and checks its length and every label. */
export async function readRecords(
  path: string,
  format: CifarFormat,
): Promise<Uint8Array> {
  const bytes = await readShared(path).catch((error: unknown) => {
    const remedy = "make it readable, or get the file again";
    throw readError(path, messageOf(error), remedy, error);
  });
  const recordBytes = recordBytesOf(format);
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
    const whole = Math.floor(bytes.length / recordBytes) * recordBytes;
    throw readError(
      path,
      `its ${bytes.length} bytes are not a whole number of ${recordBytes}-byte ` +
        `records (the last one starts at byte ${whole})`,
      "get the file again",
    );
  }
  for (let record = 0; record < bytes.length; record += recordBytes) {
    for (const [i, count] of format.counts.entries()) {
      const at = record + i;
      if (bytes[at]! < count) continue;
      throw readError(
        path,
        `the label at byte ${at} is ${bytes[at]} (${format.name} has 0 to ` +
          `${count - 1} there)`,
        "get the file again, or name the right --data",
      );
    }
  }
  return bytes;
}
