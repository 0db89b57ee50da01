/**
 * The features of an evaluation that has not ended, in a folder, from which the same
 * call resumes.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Dataset, SharedData, Split } from "../data/dataset.ts";
import { digestOf } from "../data/digest.ts";
import type { EngineReport, Precision } from "../engine/engine.ts";
import { messageOf } from "../common/errors.ts";
import { fileSize, modified, removeIfPossible } from "../common/files.ts";
import { MEMORY_LIMIT } from "./features.ts";
import { keptPrecision, PartFile, stampsOf } from "./part_file.ts";

/** What the features of an evaluation depend on. */
interface KeptOptions {
  /** The folder of the files. */
  dir: string;
  /** The images. */
  sets: Record<Split, Dataset>;
  /** Values of a row. */
  width: number;
  /** Whether each image is a file of its own. */
  isOfFiles: boolean;
  /** The files of many images each that they are in. */
  shards: readonly string[];
  /** All else that determines the features, except the engine. */
  identity: unknown;
}

/** The files of a data set that has many images to a file, as its `share()` names them. */
export function shardsOf(shared: SharedData | undefined): readonly string[] {
  switch (shared?.kind) {
    case "records":
      return shared.files.map(({ path }) => path);
    case "shards":
      return shared.table.shards;
    case "parquet":
      return shared.table.files;
    default:
      return [];
  }
}

/** See the module's description. */
export class KeptFeatures implements Disposable {
  #options: KeptOptions;
  #parts: PartFile[] = [];
  #identity: string;

  /** Nothing is written before a split is opened. */
  constructor(options: KeptOptions) {
    this.#options = options;
    const { identity, shards } = options;
    const stamps = shards.map((path) => [
      resolve(path),
      fileSize(path),
      modified(path),
    ]);
    this.#identity = JSON.stringify([identity, stamps]);
  }

  /** Whether the rows of a split, which do not fit into memory, are kept in fp16. */
  #isHalf(split: Split): boolean {
    const { sets, width } = this.#options;
    return sets[split].length * width * 4 > MEMORY_LIMIT;
  }

  /** The file of a split; evaluations by other settings have others. */
  #pathOf(split: Split): string {
    const { dir, sets } = this.#options;
    const digest = createHash("sha256").update(this.#identity)
      .update(digestOf(sets[split])).digest("hex").slice(0, 16);
    const format = this.#isHalf(split) ? "fp16" : "fp32";
    return `${dir}/${digest}.${split}.${format}.part`;
  }

  /** The number format of rows that an interrupted call left, if there are any. */
  get precision(): Precision | undefined {
    return (["test", "train"] as const)
      .flatMap((split) => keptPrecision(this.#pathOf(split)) ?? [])[0];
  }

  /**
   * Opens the file of a split, with the rows that are in it already.
   *
   * @param report The engine that computes them.
   * @param onRefused Called where it cannot be written, or another evaluation is writing
   * it; nothing is then kept.
   */
  open(
    split: Split,
    { engine, device, precision }: EngineReport,
    onRefused: (why: string) => void = () => {},
  ): PartFile | undefined {
    const { dir, sets, isOfFiles, width } = this.#options;
    const dataset = sets[split], { length } = dataset;
    const path = this.#pathOf(split);
    const paths = Array.from(
      { length },
      (_, i) => isOfFiles ? dataset.describe(i) : "",
    );
    try {
      Deno.mkdirSync(dir, { recursive: true });
      const part = PartFile.open(path, {
        width,
        half: this.#isHalf(split),
        identity: [engine, device],
        precision,
        stamps: stampsOf(paths),
      });
      this.#parts.push(part);
      return part;
    } catch (error) {
      onRefused(messageOf(error));
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
