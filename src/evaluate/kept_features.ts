/**
 * The features of an evaluation that has not ended, in a folder, from which the same
 * call resumes.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Dataset, Split } from "../data/dataset.ts";
import { digestOf } from "../data/digest.ts";
import type { EngineReport, Precision } from "../engine/engine.ts";
import { modified, removeIfPossible } from "../files.ts";
import { MEMORY_LIMIT } from "./features.ts";
import { keptPrecision, PartFile, stampsOf } from "./part_file.ts";

/** What the features of an evaluation depend on. */
interface KeptOptions {
  /** The folder of the files. */
  dir: string;
  /** The images. */
  sets: Record<Split, Dataset>;
  /** Whether each image is a file of its own. */
  isOfFiles: boolean;
  /** The folder of the data, where it has one. */
  dataDir?: string;
  /** All else that determines the features, except the engine. */
  identity: unknown;
}

/** The files of data sets with many images to a file. */
const SHARD = /\.(bin|tar|parquet)$/i;

/**
 * The shards under a folder, with their sizes and times. No other files: a run's folder,
 * which changes while it is evaluated, may lie among them.
 */
function shardsUnder(
  dir: string,
): [path: string, size: number, time: number][] {
  return [...Deno.readDirSync(dir)].flatMap(({ name }) => {
    const path = `${dir}/${name}`, { isDirectory, size } = Deno.statSync(path);
    if (isDirectory) return shardsUnder(path);
    if (!SHARD.test(name)) return [];
    return [[path, size, modified(path)] as [string, number, number]];
  }).sort(([a], [b]) => a < b ? -1 : 1);
}

/** See the module's description. */
export class KeptFeatures implements Disposable {
  #options: KeptOptions;
  #parts: PartFile[] = [];
  #identity: string | undefined;

  /** Nothing is written before a split is opened. */
  constructor(options: KeptOptions) {
    this.#options = options;
    const { identity, isOfFiles, dataDir } = options;
    try {
      this.#identity = JSON.stringify([
        identity,
        isOfFiles || dataDir === undefined ? [] : shardsUnder(dataDir),
      ]);
    } catch {
      // A file that cannot be read is reported by what reads it; nothing is kept.
    }
  }

  /** The file of a split; evaluations by other settings have others. */
  #pathOf(split: Split): string | undefined {
    if (this.#identity === undefined) return undefined;
    const { dir, sets } = this.#options;
    const digest = createHash("sha256").update(this.#identity)
      .update(digestOf(sets[split])).digest("hex").slice(0, 16);
    return `${dir}/${digest}.${split}.part`;
  }

  /** The number format of rows that an interrupted call left, if there are any. */
  get precision(): Precision | undefined {
    return (["test", "train"] as const).flatMap((split) => {
      const path = this.#pathOf(split);
      return path === undefined ? [] : keptPrecision(path) ?? [];
    })[0];
  }

  /**
   * Opens the file of a split, with the rows that are in it already; undefined where it
   * cannot be written, or another evaluation is writing it.
   *
   * @param width Values of a row.
   * @param report The engine that computes them.
   */
  open(
    split: Split,
    width: number,
    { engine, device, precision }: EngineReport,
  ): PartFile | undefined {
    const { dir, sets, isOfFiles } = this.#options;
    const dataset = sets[split], { length } = dataset;
    const path = this.#pathOf(split);
    if (path === undefined) return undefined;
    const paths = Array.from(
      { length },
      (_, i) => isOfFiles ? dataset.describe(i) : "",
    );
    try {
      Deno.mkdirSync(dir, { recursive: true });
      const part = PartFile.open(path, {
        width,
        half: length * width * 4 > MEMORY_LIMIT,
        identity: [engine, device],
        precision,
        stamps: stampsOf(paths),
      });
      this.#parts.push(part);
      return part;
    } catch {
      return undefined;
    }
  }

  /** Removes the files of an evaluation that has ended. */
  remove(): void {
    for (const part of this.#parts) part.remove();
  }

  /** Releases the files, and removes the folder if nothing is in it. */
  [Symbol.dispose](): void {
    for (const part of this.#parts) part[Symbol.dispose]();
    removeIfPossible(this.#options.dir);
  }
}
