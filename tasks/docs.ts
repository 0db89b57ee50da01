/**
 * `deno task docs`: writes the flags of each task into its page in docs/tasks, and
 * the book of results into docs/results.md, below the part that is written by hand;
 * with `--check`, fails if they differ.
 *
 * @module
 */
import { EmpSslError } from "../src/common/errors.ts";
import { type Command, helpText, type Values } from "./cli/flags.ts";
import { bookPage } from "../src/report/write_book.ts";
import { main } from "./cli/main.ts";

const command: Command = {
  usage: "deno task docs [--check]",
  about: "Writes the flags of each task into its page in docs/tasks, and the " +
    "book of\nresults into docs/results.md.",
  flags: {
    check: { type: "switch", help: "only say which pages are out of date" },
  },
  examples: ["deno task docs"],
};

/** Where each task's command line is declared. */
const TASKS: Record<string, () => Promise<{ command: Command }>> = {
  train: () => import("./cli/train_flags.ts"),
  launch: () => import("./launch.ts"),
  evaluate: () => import("./evaluate.ts"),
  compare: () => import("./compare.ts"),
  sweep: () => import("./sweep.ts"),
  embed: () => import("./embed.ts"),
  export: () => import("./export.ts"),
  report: () => import("./report.ts"),
  patches: () => import("./patches.ts"),
  setup: () => import("./setup.ts"),
  reproduce: () => import("./reproduce.ts"),
  record: () => import("./record.ts"),
};

const MARK = "<!-- Below: written by `deno task docs`. -->";

/** The pages with a generated end: path and generated text. */
async function* endings(): AsyncGenerator<[path: string, ending: string]> {
  for (const [task, load] of Object.entries(TASKS)) {
    const help = helpText((await load()).command);
    yield [`docs/tasks/${task}.md`, `\`\`\`text\n${help}\n\`\`\``];
  }
  const [begin, end] = ["start", "end"]
    .map((part) => `<!-- deno-fmt-ignore-${part} -->`);
  yield ["docs/results.md", `${begin}\n\n${bookPage()}\n\n${end}`];
}

async function writePages({ check }: Values): Promise<void> {
  const stale: string[] = [];
  for await (const [path, ending] of endings()) {
    const url = new URL(`../${path}`, import.meta.url);
    const text = await Deno.readTextFile(url);
    const [own] = text.split(MARK);
    const page = `${own.trimEnd()}\n\n${MARK}\n\n${ending}\n`;
    if (page === text) continue;
    if (check) stale.push(path);
    else await Deno.writeTextFile(url, page);
  }
  if (stale.length === 0) return;
  throw new EmpSslError({
    action: "accept",
    subject: stale.join(", "),
    found: "they are out of date",
    remedy: "run `deno task docs`",
    code: "INVALID_DATA",
  });
}

if (import.meta.main) await main(command, writePages);
