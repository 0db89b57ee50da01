/**
 * `deno task record`: adds a run and its evaluation to the book of results.
 *
 * @module
 */
import { recordRun } from "../src/report/write_book.ts";
import { errorMaker } from "../src/errors.ts";
import type { Command, Values } from "./cli/flags.ts";
import { main } from "./cli/main.ts";

const recordError = errorMaker("record", "INVALID_ARGUMENT");

/** The command line of `deno task record`. */
export const command: Command = {
  usage: "deno task record RUN --row NAME [flags]",
  about: "Adds a run and its evaluation to results/, a row by its name; " +
    "then\n`deno task docs` writes docs/results.md.",
  flags: {
    row: { type: "text", value: "NAME", help: "name of a new or existing row" },
    title: {
      type: "text",
      value: "TEXT",
      help: "new row: its setting, in words",
    },
    files: {
      type: "text",
      value: "TEXT",
      help: "new row: what --data-dir must hold (default: no files needed)",
    },
    train: {
      type: "text",
      value: "FLAGS",
      help: "new row: flags of train, without --seed, --dir, --data-dir",
    },
    evaluate: {
      type: "text",
      value: "FLAGS",
      help: "new row: flags of evaluate, without --model-path",
    },
    commit: {
      type: "text",
      value: "ID",
      help: "commit of the program that trained it",
    },
    "processor-seconds": {
      type: "number",
      help: "CPU seconds of training, if the run did not record them",
    },
    note: { type: "text", value: "TEXT", help: "a note on the run" },
  },
  arguments: true,
  examples: [
    'deno task record runs/a --row shapes --commit 1a2b3c4 --title "shapes, two ' +
    'epochs" --train "--data shapes" --evaluate "--test-patches 16"',
    "deno task record runs/b --row shapes --commit 1a2b3c4",
  ],
};

function required(values: Values, name: string): string {
  const value = values[name];
  if (value !== undefined) return String(value);
  throw recordError("the run", `no --${name} was given`, `give --${name}`);
}

function record(values: Values, runs: string[]): Promise<void> {
  const [dir] = runs;
  if (dir === undefined || runs.length > 1) {
    throw recordError(
      `${runs.length} runs`,
      "one is recorded at a time",
      "name one",
    );
  }
  const text = (name: string) => values[name] as string | undefined;
  const words = (name: string) => required(values, name).split(/\s+/);
  const row = required(values, "row");
  recordRun(dir, {
    row,
    setting: values.title === undefined ? undefined : {
      title: String(values.title),
      files: text("files"),
      train: words("train"),
      evaluate: words("evaluate"),
    },
    commit: required(values, "commit"),
    processorSeconds: values["processor-seconds"] as number | undefined,
    note: text("note"),
  });
  console.log(
    `Added to results/${row}; \`deno task docs\` writes docs/results.md`,
  );
  return Promise.resolve();
}

if (import.meta.main) await main(command, record);
