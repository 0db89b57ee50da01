/**
 * Adds a run to the book of results, and writes the book's page.
 *
 * @module
 */
import { percent } from "../common/percent.ts";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { writeAtomically } from "../common/atomic_file.ts";
import { errorMaker } from "../common/errors.ts";
import type { EvaluationResult } from "../evaluate/evaluate.ts";
import {
  BOOK,
  BOOK_HEAD,
  bookCells,
  type BookEntry,
  type BookRow,
  type BookRun,
  evaluationForRow,
  readRow,
  rowNames,
  type RowSetting,
  withoutPaths,
} from "./book.ts";
import { protocolText } from "./comparison.ts";
import { lastOf, type Sign } from "./correlation.ts";
import { readRun, type RunRecord, secondsOf, stepsMade } from "./run_record.ts";

const recordError = errorMaker("record", "INVALID_ARGUMENT");

/** What the files of a run do not say. */
export interface RecordOptions {
  /** The row's name. */
  row: string;
  /** The setting; only needed for a new row. */
  setting?: RowSetting;
  /** Whether an evaluation was made with the setting's flags. */
  fits?: (evaluation: EvaluationResult) => boolean;
  /** The commit that the run was made with. */
  commit: string;
  /** CPU seconds; those in the run's metrics where it is not given. */
  processorSeconds?: number;
  /** A remark on this run. */
  note?: string;
  /** A folder that replaces `results/`. */
  book?: URL;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function runOf(
  { config, steps }: RunRecord,
  { commit, note, processorSeconds }: RecordOptions,
): BookRun {
  const { bs, numPatches, seed, report } = config;
  const mean = (name: Sign) => Number(lastOf(steps, name).toPrecision(6));
  const kept = steps.every((s) => s.processorSeconds !== undefined)
    ? sum(steps.map((s) => s.processorSeconds!))
    : undefined;
  const processor = processorSeconds ?? kept;
  const cores = navigator.hardwareConcurrency;
  const model = cpus()[0]?.model.replace(/\s+/g, " ").trim() ?? "unknown";
  return {
    seed,
    date: new Date().toISOString().slice(0, 10),
    commit,
    device: `${report?.device ?? "CPU"}: ${model}, ${cores} cores`,
    seconds: Math.round(secondsOf(steps)),
    processorSeconds: processor && Math.round(processor),
    patches: config.steps * bs * numPatches,
    last: {
      loss: mean("loss"),
      invariance: mean("invariance"),
      tcr: mean("tcr"),
      effectiveRank: mean("effectiveRank"),
    },
    note,
  };
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2) + "\n";
}

/**
 * Adds a run and its evaluation to the book.
 *
 * @param dir The run's folder.
 * @throws {EmpSslError} `INVALID_ARGUMENT` where the run has not ended, was not
 * evaluated as the row's other runs were, or the row is new and no setting is given.
 */
export function recordRun(dir: string, options: RecordOptions): void {
  const record = readRun(dir);
  const { config, steps, evaluations } = record;
  if (stepsMade(steps) < config.steps) {
    throw recordError(dir, "the run has not ended", "resume it first");
  }
  const { book = BOOK } = options;
  const isNew = !rowNames(book).includes(options.row);
  if (isNew && options.setting === undefined) {
    throw recordError(
      dir,
      `there is no row ${options.row}`,
      "give --title to add it",
    );
  }
  const row = isNew ? undefined : readRow(options.row, book);
  const evaluation = evaluationForRow(
    evaluations,
    config.steps,
    row?.runs.filter(({ seed }) => seed !== config.seed) ?? [],
    options.fits,
  );
  if (evaluation === undefined) {
    throw recordError(
      dir,
      "it has no evaluation of its last checkpoint" +
        (row ? ` like those of ${row.name}` : ""),
      "evaluate it first" + (row ? ` with ${row.evaluate.join(" ")}` : ""),
    );
  }
  const folder = new URL(`${options.row}/seed-${config.seed}/`, book);
  Deno.mkdirSync(folder, { recursive: true });
  const write = (name: string, content: string | Uint8Array) =>
    writeAtomically(fileURLToPath(new URL(name, folder)), content);
  if (isNew) write("../row.json", json(options.setting));
  write("run.json", json(runOf(record, options)));
  write("config.json", json(withoutPaths(config)));
  write("evaluation.json", json(withoutPaths(evaluation)));
  const metrics = Deno.readFileSync(`${record.dir}/metrics.jsonl`);
  write("metrics.jsonl.gz", new Uint8Array(gzipSync(metrics, { level: 9 })));
}

/** The commands that reproduce a row, as Markdown. */
function commands({ name, files, train, evaluate }: BookRow): string {
  const data = files === undefined ? "" : " --data-dir DIR";
  const run = `runs/${name}-seed-0`;
  return [
    "```sh",
    `deno task train ${train.join(" ")}${data} --seed 0 --dir ${run}`,
    `deno task evaluate ${evaluate.join(" ")} --model-path ${run}`,
    "```",
  ].join("\n");
}

function minutes(seconds: number | undefined): string {
  return seconds === undefined ? "–" : `${(seconds / 60).toFixed(1)} min`;
}

function runLines(row: string, run: BookEntry): string {
  const { evaluation, last } = run;
  const { linear, knn } = evaluation;
  const folder = `../results/${row}/seed-${run.seed}`;
  return [
    `- seed ${run.seed}, ${run.date}, commit ${run.commit}, ${run.device}, ` +
    `${evaluation.engine.precision}: steps ${minutes(run.seconds)} by the ` +
    `clock, ${minutes(run.processorSeconds)} of processor time; linear ` +
    `${percent(linear?.last.top1)} (best epoch ${
      percent(linear?.best.top1)
    }), ` +
    `kNN ${percent(knn?.top1)}; invariance ${
      last.invariance.toFixed(3)
    }, TCR ` +
    `${last.tcr.toFixed(1)}, effective rank ${last.effectiveRank.toFixed(1)} ` +
    `at the end. [metrics](${folder}/metrics.jsonl.gz), ` +
    `[configuration](${folder}/config.json), ` +
    `[evaluation](${folder}/evaluation.json).` +
    (run.note ? ` ${run.note.replace(/\.+$/, "")}.` : ""),
  ].join("\n");
}

function section(row: BookRow): string {
  const { evaluation } = row.runs[0]!;
  const { images } = evaluation;
  return [
    `### ${row.name}`,
    `${row.title.replace(/\.+$/, "")}.${
      row.files ? ` Files: ${row.files}.` : ""
    } Evaluated by ` +
    `${
      protocolText(evaluation)
    } of ${images.train} training and ${images.test} ` +
    "test images.",
    commands(row),
    row.runs.map((run) => runLines(row.name, run)).join("\n"),
  ].join("\n\n");
}

/** The book's rows as Markdown: a table, then a section for each. */
export function bookPage(): string {
  const rows = rowNames().map((name) => readRow(name));
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const link = (
    [name, ...cells]: string[],
  ) => [`[${name}](#${name})`, ...cells];
  return [
    [
      line(BOOK_HEAD),
      line(BOOK_HEAD.map(() => "---")),
      ...rows.map((row) => line(link(bookCells(row)))),
    ].join("\n"),
    ...rows.map(section),
  ].join("\n\n");
}
