/**
 * `metrics.jsonl`: one line of JSON per step, appended during the run.
 *
 * @module
 */
import { EmpSslError, messageOf } from "../common/errors.ts";
import { writeAllSync } from "../common/files.ts";
import { writeAtomically } from "../common/atomic_file.ts";
import type { StepMetrics } from "./events.ts";

/** Appends lines to a file. */
export class MetricsLog implements Disposable {
  #file: Deno.FsFile;
  #path: string;

  /**
   * Opens the file.
   *
   * @param path The file.
   * @param fromStep The next step: lines of this and later steps, which an interrupted
   * run may have left, are removed.
   */
  constructor(path: string, fromStep = 0) {
    if (fromStep > 0) keepBefore(path, fromStep);
    this.#path = path;
    try {
      this.#file = Deno.openSync(path, { create: true, append: true });
    } catch (error) {
      throw failed(path, error);
    }
  }

  /** Appends one line. */
  write(record: object): void {
    const line = new TextEncoder().encode(JSON.stringify(record) + "\n");
    try {
      writeAllSync(this.#file, line);
    } catch (error) {
      throw failed(this.#path, error);
    }
  }

  /** Waits until the lines are on the disk. */
  sync(): void {
    try {
      this.#file.syncDataSync();
    } catch (error) {
      throw failed(this.#path, error);
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

function failed(path: string, error: unknown): EmpSslError {
  return new EmpSslError({
    action: "write",
    subject: path,
    found: messageOf(error),
    remedy: "free disk space, then use --resume; earlier checkpoints are kept",
    code: "INVALID_CHECKPOINT",
    cause: error,
  });
}

function stepOf(line: string): number {
  try {
    return JSON.parse(line).step;
  } catch {
    // An incomplete line.
    return NaN;
  }
}

function keepBefore(path: string, step: number): void {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  const lines = text.split("\n").filter((line) => stepOf(line) < step);
  const kept = lines.map((line) => `${line}\n`).join("");
  if (kept !== text) writeAtomically(path, kept);
}

/** A line of a run's metrics: a step, or an evaluation by the online probe. */
export type MetricsRecord =
  & { step: number }
  & (StepMetrics | { probe: { top1: number; top5: number } });

/**
 * The complete lines of a run's `metrics.jsonl`: while a run is writing, the last line
 * may be incomplete.
 *
 * @param path The file.
 * @throws {Deno.errors.NotFound} Where there is none.
 *
 * @example The losses of a run
 * ```ts ignore
 * import { readMetrics } from "./mod.ts";
 *
 * const losses = readMetrics("runs/a/metrics.jsonl")
 *   .flatMap((line) => "loss" in line ? [line.loss] : []);
 * ```
 */
export function readMetrics(path: string): MetricsRecord[] {
  return Deno.readTextFileSync(path).split("\n").flatMap((line) => {
    try {
      const record = JSON.parse(line);
      return typeof record === "object" && record !== null ? [record] : [];
    } catch {
      return [];
    }
  });
}
