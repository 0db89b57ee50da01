/**
 * The book of results: what was trained with which command, and its accuracy. A row is
 * a folder of `results/` with a folder for each seed.
 *
 * @module
 */
import { percent } from "../common/percent.ts";
import { errorMaker, messageOf } from "../common/errors.ts";
import { suggestion } from "../common/nearest.ts";
import { dataName, isModule } from "../data/own_data.ts";
import type { EvaluationResult } from "../evaluate/evaluate.ts";
import { isOfStep } from "../evaluate/evaluation_record.ts";
import { evaluatedBy } from "./comparison.ts";

const bookError = errorMaker("read the row", "NOT_FOUND");

/** A setting, as `row.json` holds it. */
export interface RowSetting {
  /** A description in one line. */
  title: string;
  /** The data that `--data-dir` needs; undefined where no files are needed. */
  files?: string;
  /** Flags of `deno task train`, without `--seed`, `--dir` and `--data-dir`. */
  train: string[];
  /** Flags of `deno task evaluate`, without `--model-path`. */
  evaluate: string[];
}

/** One run of a row, as `run.json` holds it. */
export interface BookRun {
  /** The run's `--seed`. */
  seed: number;
  /** The day on which it was recorded, as 2026-11-25. */
  date: string;
  /** The commit that it was trained with. */
  commit: string;
  /** `CPU` or `GPU`, then the CPU model and cores of the machine that recorded it. */
  device: string;
  /** Wall time of all steps in seconds. */
  seconds: number;
  /** CPU time of all steps in seconds, over all cores. */
  processorSeconds?: number;
  /** Patches in all steps together. */
  patches: number;
  /** Mean loss, invariance, coding rate and effective rank of the last 10 steps. */
  last: {
    loss: number;
    invariance: number;
    tcr: number;
    effectiveRank: number;
  };
  /** A remark on this run, such as other load on the machine. */
  note?: string;
}

/** A run with its evaluation. */
export interface BookEntry extends BookRun {
  /** The evaluation, without file paths. */
  evaluation: EvaluationResult;
}

/** A row: a setting and its runs by seed. */
export interface BookRow extends RowSetting {
  /** The folder's name. */
  name: string;
  /** Its runs, by seed. */
  runs: BookEntry[];
}

/** The folder of the book. */
export const BOOK = new URL("../../results/", import.meta.url);

function namesIn(folder: URL): string[] {
  try {
    return [...Deno.readDirSync(folder)].filter((e) => e.isDirectory)
      .map((e) => e.name).sort();
  } catch {
    return [];
  }
}

/** The names of all rows; empty where the program was imported by a URL. */
export function rowNames(book: URL = BOOK): string[] {
  return namesIn(book);
}

/**
 * Reads a row.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is none of that name; it suggests the
 * most similar one.
 */
export function readRow(name: string, book: URL = BOOK): BookRow {
  const names = rowNames(book);
  if (!names.includes(name)) {
    throw bookError(
      name,
      names.length > 0
        ? "there is no such row"
        : "there are no recorded results here",
      names.length > 0
        ? suggestion(name, names, `choose one of ${names.join(", ")}`)
        : "clone the project: its folder results/ holds them",
    );
  }
  const folder = new URL(`${name}/`, book);
  const read = <T>(path: string): T => {
    try {
      return JSON.parse(Deno.readTextFileSync(new URL(path, folder)));
    } catch (error) {
      throw bookError(`${name}/${path}`, messageOf(error), "restore the file");
    }
  };
  const runs = namesIn(folder).map((seed): BookEntry => ({
    ...read<BookRun>(`${seed}/run.json`),
    evaluation: read<EvaluationResult>(`${seed}/evaluation.json`),
  }));
  runs.sort((a, b) => a.seed - b.seed);
  return { name, ...read<RowSetting>("row.json"), runs };
}

/** Fields with paths of this machine. */
const PATHS: readonly string[] = [
  ...["dataDir", "dir", "cache", "init", "classes", "chosenClasses"],
  ...["checkpoint", "library"],
];

/**
 * A configuration or an evaluation as the book stores it, without paths of this machine:
 * a module of the user's own is only its name, without options.
 */
export function withoutPaths<T extends { data: string }>(value: T): T {
  const own = isModule(value.data);
  const text = JSON.stringify(value, (name, part) => {
    if (name === "data") return dataName(part);
    const isPath = PATHS.includes(name) && typeof part === "string";
    return isPath || name === "dataOptions" && own ? undefined : part;
  });
  return JSON.parse(text);
}

/**
 * The newest of a run's evaluations that can stand in a row: of its last checkpoint, with
 * the flags of the row, and with the images, the protocol and the accuracies of the row's
 * other runs.
 *
 * @param evaluations The run's, the newest last.
 * @param steps The steps of the run.
 * @param runs The row's other runs; empty for a new row.
 * @param fits Whether an evaluation was made with the flags of the row.
 */
export function evaluationForRow(
  evaluations: EvaluationResult[],
  steps: number,
  [other]: BookEntry[],
  fits: (evaluation: EvaluationResult) => boolean = () => true,
): EvaluationResult | undefined {
  const wanted = other?.evaluation;
  return evaluations.findLast((e) => {
    if (!isOfStep(e, steps) || !fits(e)) return false;
    if (wanted === undefined) return true;
    return evaluatedBy(withoutPaths(e)) === evaluatedBy(wanted) &&
      (e.linear !== undefined || wanted.linear === undefined) &&
      (e.knn !== undefined || wanted.knn === undefined);
  });
}

/** Mean, lowest and highest of some numbers. */
export interface Spread {
  /** The mean. */
  mean: number;
  /** The lowest. */
  low: number;
  /** The highest. */
  high: number;
}

/** The accuracies that the book compares. */
export const ACCURACIES = {
  linear: ({ evaluation }: BookEntry) => evaluation.linear?.last.top1,
  kNN: ({ evaluation }: BookEntry) => evaluation.knn?.top1,
} as const;

/** Mean and range over the seeds of a row; undefined where none was measured. */
export function spreadOf(
  { runs }: BookRow,
  accuracy: keyof typeof ACCURACIES,
): Spread | undefined {
  const values = runs.map(ACCURACIES[accuracy])
    .filter((value) => value !== undefined);
  if (values.length === 0) return undefined;
  return {
    mean: values.reduce((sum, v) => sum + v, 0) / values.length,
    low: Math.min(...values),
    high: Math.max(...values),
  };
}

/** `61.9 (61.6 to 62.3)`, in percent. */
export function spreadText(spread: Spread | undefined): string {
  if (spread === undefined) return "–";
  const { mean, low, high } = spread;
  return low === high
    ? percent(mean)
    : `${percent(mean)} (${percent(low)} to ${percent(high)})`;
}

/** The column names of the book's table. */
export const BOOK_HEAD = [
  "row",
  "seeds",
  "patches",
  "processor time, min",
  "linear, last epoch, %",
  "kNN, %",
];

/** A row of the book's table, cell by cell. */
export function bookCells(row: BookRow): string[] {
  const mean = (valueOf: (run: BookEntry) => number) =>
    row.runs.reduce((sum, run) => sum + valueOf(run), 0) / row.runs.length;
  const timed = row.runs.every((run) => run.processorSeconds !== undefined);
  return [
    row.name,
    row.runs.map(({ seed }) => seed).join(", "),
    `${Math.round(mean((run) => run.patches)).toLocaleString("en")}`,
    timed ? (mean((run) => run.processorSeconds!) / 60).toFixed(1) : "–",
    spreadText(spreadOf(row, "linear")),
    spreadText(spreadOf(row, "kNN")),
  ];
}
