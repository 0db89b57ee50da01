/**
 * `deno task reproduce`: trains and evaluates a row of the book of results
 * again, and prints how far the accuracy is from the recorded one.
 *
 * @module
 */
import { errorMaker } from "../src/common/errors.ts";
import {
  ACCURACIES,
  BOOK_HEAD,
  bookCells,
  type BookRow,
  evaluationForRow,
  readRow,
  rowNames,
  spreadOf,
  spreadText,
} from "../src/report/book.ts";
import { readRun } from "../src/report/run_record.ts";
import type { EvaluationResult } from "../src/evaluate/evaluate.ts";
import { type Command, parseFlags, type Values } from "./cli/flags.ts";
import { evaluatedWith } from "./cli/evaluated_with.ts";
import { exit } from "./cli/exit.ts";
import { main, quote } from "./cli/main.ts";
import { SIGNALS } from "./cli/signals.ts";
import { command as trainCommand } from "./cli/train_flags.ts";
import { command as evaluateCommand, evaluateRun } from "./evaluate.ts";
import { trainHere } from "./train.ts";

const reproduceError = errorMaker("reproduce", "INVALID_ARGUMENT");

/** The command line of `deno task reproduce`. */
export const command: Command = {
  usage: "deno task reproduce [ROW] [flags]",
  about: "Trains and evaluates a row of docs/results.md again and prints the " +
    "difference in\naccuracy. Resumes after an interruption. Without a row: lists " +
    "them.",
  flags: {
    "data-dir": {
      type: "text",
      value: "DIR",
      help: "the files that the row names",
    },
    seed: { type: "number", help: "another seed (default: the row's first)" },
    dir: {
      type: "text",
      value: "DIR",
      help: "the run's folder (default runs/ROW-seed-N)",
    },
  },
  arguments: true,
  examples: [
    "deno task reproduce",
    "deno task reproduce shapes",
    "deno task reproduce shapes --seed 7",
  ],
};

function list(): void {
  if (rowNames().length === 0) {
    console.log(
      "No recorded results here: they are in the project's folder results/",
    );
  }
  for (const name of rowNames()) {
    const row = readRow(name);
    const [, ...cells] = bookCells(row);
    console.log(`${name}: ${row.title}`);
    for (const [i, cell] of cells.entries()) {
      console.log(`  ${BOOK_HEAD[i + 1]}: ${cell}`);
    }
  }
}

/** A difference in percentage points, with its sign. */
function points(difference: number): string {
  return `${difference < 0 ? "−" : "+"}${
    Math.abs(100 * difference).toFixed(1)
  } points`;
}

function compare(
  row: BookRow,
  seed: number,
  result: EvaluationResult,
): void {
  const again = { ...row.runs[0]!, seed, evaluation: result };
  for (const name of Object.keys(ACCURACIES) as (keyof typeof ACCURACIES)[]) {
    const value = ACCURACIES[name](again), spread = spreadOf(row, name);
    if (value === undefined || spread === undefined) continue;
    const same = row.runs.find((run) => run.seed === seed);
    const written = same && ACCURACIES[name](same);
    const from = written === undefined
      ? `${points(value - spread.mean)} from the mean`
      : `${points(value - written)} from the same seed's ${
        (100 * written).toFixed(1)
      }`;
    const inside = value >= spread.low && value <= spread.high;
    // One seed has no spread.
    const place = row.runs.length === 1
      ? ""
      : `, ${inside ? "within" : "outside"} ${spreadText(spread)}`;
    console.log(`${name} ${(100 * value).toFixed(1)} %: ${from}${place}`);
  }
}

/** See the module's description. */
export async function run(values: Values, rest: string[]): Promise<void> {
  const [name] = rest;
  if (name === undefined) return list();
  if (rest.length > 1) {
    throw reproduceError(
      rest.join(" "),
      "more than one row is named",
      "name one",
    );
  }
  const row = readRow(name);
  const data = values["data-dir"] as string | undefined;
  if (row.files !== undefined && data === undefined) {
    throw reproduceError(
      name,
      "no --data-dir was given",
      `name a folder with ${row.files}`,
    );
  }
  const seed = (values.seed as number | undefined) ?? row.runs[0]!.seed;
  const dir = String(values.dir ?? `runs/${name}-seed-${seed}`);
  const where = data === undefined ? [] : ["--data-dir", data];
  const flags = ["data-dir", "seed", "dir"].flatMap((flag) =>
    values[flag] === undefined ? [] : [`--${flag} ${quote(`${values[flag]}`)}`]
  );
  const again = ["deno task reproduce", name, ...flags].join(" ");
  const isUndisturbed = await trainHere(
    parseFlags(
      [
        ...[...row.train, ...where, "--seed", `${seed}`, "--dir", dir],
        ...["--resume", "auto", "--save-every", "5m", "--cluster", "none"],
      ],
      trainCommand,
    ),
    again,
  );
  if (!isUndisturbed) {
    console.log(
      "Stopped before the evaluation. The same command goes on there.",
    );
    exit(SIGNALS.SIGINT);
  }
  const { evaluations, config } = readRun(dir);
  const done = evaluationForRow(
    evaluations,
    config.steps,
    row.runs,
    evaluatedWith(row.evaluate, dir, config),
  );
  const result = done ?? await evaluateRun(
    parseFlags([...row.evaluate, "--model-path", dir], evaluateCommand),
  );
  console.log(`${name}: ${row.title}, seed ${seed}`);
  compare(row, seed, result);
}

if (import.meta.main) await main(command, run);
