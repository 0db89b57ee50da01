/**
 * Writes features and labels for other programs.
 *
 * @module
 */
import { writeAtomically, writeError } from "../common/atomic_file.ts";
import { EmpSslError } from "../common/errors.ts";
import { bytesOf, writeAllSync } from "../common/files.ts";
import { safetensorsHeader } from "../checkpoint/safetensors.ts";
import type { Features } from "./features.ts";
import { type Dataset, type Split, SPLITS } from "../data/dataset.ts";
import { npyHeader } from "./npy.ts";
import { writeParquet } from "./write_parquet.ts";

const BLOCK = 1024;

function writeArray(file: Deno.FsFile, array: ArrayBufferView): void {
  writeAllSync(file, bytesOf(array));
}

function writeValues(file: Deno.FsFile, features: Features): void {
  for (const { rows } of features.blocks(BLOCK)) writeArray(file, rows);
}

const OPTIONS = { remedy: "name another file" };

/** Writes a file atomically. */
function create(path: string, write: (file: Deno.FsFile) => void): void {
  writeAtomically(path, (temporary) => {
    using file = Deno.createSync(temporary);
    write(file);
  }, OPTIONS);
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function tryToCreate(path: string): void {
  Deno.createSync(path).close();
  Deno.removeSync(path);
}

/**
 * Checks before any work that a file can be written.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkOutputFile(path: string): void {
  if (isFolder(path)) {
    throw writeError(path, new Error("it is a folder"), OPTIONS);
  }
  try {
    tryToCreate(`${path}.${crypto.randomUUID()}.tmp`);
  } catch (error) {
    throw writeError(path, error, OPTIONS);
  }
}

/**
 * Checks before any work that a folder, or a `.safetensors` file, can be written.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkOutput(path: string): void {
  if (path.endsWith(".safetensors")) return checkOutputFile(path);
  if (/\.(npy|npz|pt|pth|csv|json|parquet|h5)$/i.test(path)) {
    throw new EmpSslError({
      action: "write",
      subject: path,
      found: "features are written into a folder or a .safetensors file",
      remedy: "name one of these",
      code: "INVALID_ARGUMENT",
    });
  }
  try {
    Deno.mkdirSync(path, { recursive: true });
    tryToCreate(`${path}/.${crypto.randomUUID()}.tmp`);
  } catch (error) {
    throw writeError(path, error, OPTIONS);
  }
}

/**
 * Writes the features of both splits: `train_features.npy`, `train_labels.npy`
 * and the same for `test` into a folder; or, where the path ends in
 * `.safetensors`, these four tensors into one file.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it cannot be written.
 */
export function writeFeatures(
  path: string,
  splits: Record<string, Features>,
): void {
  if (path.endsWith(".safetensors")) return writeSafetensors(path, splits);
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (error) {
    throw writeError(path, error, OPTIONS);
  }
  for (const [split, features] of Object.entries(splits)) {
    const { count, width, labels } = features;
    create(`${path}/${split}_features.npy`, (file) => {
      writeArray(file, npyHeader("<f4", [count, width]));
      writeValues(file, features);
    });
    create(`${path}/${split}_labels.npy`, (file) => {
      writeArray(file, npyHeader("<i4", [count]));
      writeArray(file, labels);
    });
  }
}

/**
 * Writes text files that say what the rows and the labels of {@linkcode writeFeatures}
 * are: the image of each row, `train_images.txt` and `test_images.txt`, and the class of
 * each label, `classes.txt`; their names begin with that of a `.safetensors` file.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where they cannot be written.
 */
export function writeNames(path: string, sets: Record<Split, Dataset>): void {
  const inFile = path.endsWith(".safetensors");
  const write = (name: string, lines: readonly string[]) => {
    const to = inFile ? `${path}.${name}.txt` : `${path}/${name}.txt`;
    writeAtomically(to, textOf(lines), OPTIONS);
  };
  for (const split of SPLITS) {
    const { length } = sets[split];
    const names = Array.from({ length }, (_, i) => sets[split].describe(i));
    write(`${split}_images`, names);
  }
  write("classes", sets.train.classes);
}

/** How characters that would end a line are written; and a backslash. */
const ESCAPES: Record<string, string> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
};

/**
 * A line for each text; line breaks in it are written as `\n` and `\r`, and a backslash
 * as two, as in the texts of most languages.
 */
export function textOf(lines: readonly string[]): string {
  return lines.map((line) =>
    `${line.replace(/[\\\n\r]/g, (character) => ESCAPES[character]!)}\n`
  ).join("");
}

/**
 * Writes the features of one split into a `.npy` file, as `features` into a
 * `.safetensors` file, or with their paths into a `.parquet` file.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it cannot be written.
 */
export function writeRows(
  path: string,
  features: Features,
  names: string[],
): void {
  if (path.endsWith(".parquet")) {
    return writeAtomically(
      path,
      (temporary) => writeParquet(temporary, features, names),
      OPTIONS,
    );
  }
  const shape = [features.count, features.width];
  const head = path.endsWith(".npy")
    ? npyHeader("<f4", shape)
    : safetensorsHeader([{ name: "features", dtype: "F32", shape }]);
  create(path, (file) => {
    writeArray(file, head);
    writeValues(file, features);
  });
}

function writeSafetensors(
  path: string,
  splits: Record<string, Features>,
): void {
  create(path, (file) => {
    const shapes = Object.entries(splits).flatMap(([split, features]) => [
      {
        name: `${split}_features`,
        dtype: "F32" as const,
        shape: [features.count, features.width],
      },
      {
        name: `${split}_labels`,
        dtype: "I32" as const,
        shape: [features.count],
      },
    ]);
    writeArray(file, safetensorsHeader(shapes));
    for (const features of Object.values(splits)) {
      writeValues(file, features);
      writeArray(file, features.labels);
    }
  });
}
