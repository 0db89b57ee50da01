/**
 * The features of an evaluation that has not ended, in a folder, from which the same
 * call resumes.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { writeError } from "../atomic_file.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { digestOf } from "../data/digest.ts";
import { ImageFiles } from "../data/image_files.ts";
import type { EngineReport, Precision } from "../engine/engine.ts";
import { removeIfPossible } from "../files.ts";
import { MEMORY_LIMIT } from "./features.ts";
import { keptPrecision, PartFile, stampsOf } from "./part_file.ts";

/** What the features of an evaluation depend on. */
interface KeptOptions {
  /** The folder of the files. */
  dir: string;
  /** The images. */
  sets: Record<Split, Dataset>;
  /** All else that determines the features, except the engine. */
  identity: unknown;
}

/** See the module's description. */
export class KeptFeatures implements Disposable {
  #options: KeptOptions;
  #parts: PartFile[] = [];

  /**
   * @throws {EmpSslError} `INVALID_ARGUMENT` where the folder cannot be made.
   */
  constructor(options: KeptOptions) {
    this.#options = options;
    try {
      Deno.mkdirSync(options.dir, { recursive: true });
    } catch (error) {
      throw writeError(options.dir, error, { remedy: "name another folder" });
    }
  }

  /** The file of a split; evaluations by other settings have others. */
  #pathOf(split: Split): string {
    const { dir, sets, identity } = this.#options;
    const digest = createHash("sha256").update(JSON.stringify(identity))
      .update(digestOf(sets[split])).digest("hex").slice(0, 16);
    return `${dir}/${digest}.${split}.part`;
  }

  /** The number format of rows that an interrupted call left, if there are any. */
  get precision(): Precision | undefined {
    return keptPrecision(this.#pathOf("test")) ??
      keptPrecision(this.#pathOf("train"));
  }

  /**
   * Opens the file of a split, with the rows that are in it already.
   *
   * @param width Values of a row.
   * @param report The engine that computes them.
   * @throws {EmpSslError} `INVALID_ARGUMENT` where another process is writing it.
   */
  open(
    split: Split,
    width: number,
    { engine, device, precision }: EngineReport,
  ): PartFile {
    const dataset = this.#options.sets[split], { length } = dataset;
    const paths = dataset instanceof ImageFiles
      ? Array.from({ length }, (_, i) => dataset.describe(i))
      : Array<string>(length).fill("");
    const part = PartFile.open(this.#pathOf(split), {
      width,
      half: length * width * 4 > MEMORY_LIMIT,
      identity: [engine, device],
      precision,
      stamps: stampsOf(paths),
    });
    this.#parts.push(part);
    return part;
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
