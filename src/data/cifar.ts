/**
 * CIFAR-10 and CIFAR-100 in the official binary version: finds the files of a split
 * and opens them.
 *
 * @module
 */
import { EmpSslError, isEmpSslError, messageOf } from "../common/errors.ts";
import {
  CIFAR_FORMATS,
  CifarDataset,
  type CifarFormat,
  type CifarName,
  classCount,
  readRecords,
} from "./cifar_records.ts";
import type { Dataset, SharedData, Split } from "./dataset.ts";

/** The class names of the archive's list; numbers if there is no valid list. */
async function readClassNames(
  dir: string,
  format: CifarFormat,
): Promise<string[]> {
  const numbers = Array.from({ length: classCount(format) }, (_, i) => `${i}`);
  try {
    const text = await Deno.readTextFile(`${dir}/${format.namesFile}`);
    const names = text.split("\n").map((s) => s.trim()).filter((s) => s);
    return names.length === classCount(format) ? names : numbers;
  } catch {
    return numbers;
  }
}

/** Finds the record files of a split: in `dir`, or in the archive's folder in it. */
async function findFiles(
  dir: string,
  format: CifarFormat,
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
      if (wanted.length > 0) {
        const missing = missingBatch(wanted);
        if (missing === undefined) {
          return { dir: candidate, names: wanted.sort() };
        }
        const found = `${missing} is missing`;
        throw formatError(format, candidate, found, "INVALID_DATA");
      }
      if (
        names.some((name) =>
          /^(data_batch_\d|test_batch|train|test)$/.test(name)
        )
      ) {
        throw formatError(
          format,
          candidate,
          "it holds the Python version of the archive (pickles, which may run code)",
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

/** The first file that is missing among `data_batch_1.bin` and so on. */
function missingBatch(names: string[]): string | undefined {
  const last = Math.max(
    ...names.map((name) => Number(/^data_batch_(\d+)/.exec(name)?.[1] ?? 0)),
  );
  return Array.from({ length: last }, (_, i) => `data_batch_${i + 1}.bin`)
    .find((name) => !names.includes(name));
}

function formatError(
  format: CifarFormat,
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

/**
 * Opens the binary record files in a folder or in the archive's folder under it: of
 * CIFAR-10 `data_batch_*.bin` or `train*.bin`, and `test*.bin`; of CIFAR-100 `train.bin`
 * and `test.bin`, with the fine labels or the 20 coarse ones.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is no such file; `INVALID_DATA`, with the
 * byte offset, where one is malformed.
 */
export async function openCifar(
  name: CifarName,
  { dir, split }: { dir: string; split: Split },
): Promise<Dataset> {
  const format = CIFAR_FORMATS[name];
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

/** Opens record files that another thread has read. */
export function openSharedCifar(
  { name, classes, files }: SharedData & { kind: "records" },
): Dataset {
  return new CifarDataset(CIFAR_FORMATS[name as CifarName], files, classes);
}
