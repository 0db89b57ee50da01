/**
 * `deno task docs`: writes the flags of each task into its page in docs/tasks,
 * below what is written there by hand; with `--check`, says where they differ.
 *
 * @module
 */
import { EmpSslError } from "../src/errors.ts";
import { type Command, helpText, type Values } from "./cli/flags.ts";
import { main } from "./cli/main.ts";

const command: Command = {
  usage: "deno task docs [--check]",
  about: "Writes the flags of each task into its page in docs/tasks.",
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
  embed: () => import("./embed.ts"),
  export: () => import("./export.ts"),
  report: () => import("./report.ts"),
  patches: () => import("./patches.ts"),
  setup: () => import("./setup.ts"),
};

const MARK = "<!-- Below: written by `deno task docs`. -->";

async function writePages({ check }: Values): Promise<void> {
  const stale: string[] = [];
  for (const [task, load] of Object.entries(TASKS)) {
    const url = new URL(`../docs/tasks/${task}.md`, import.meta.url);
    const text = await Deno.readTextFile(url);
    const [own] = text.split(MARK);
    const help = helpText((await load()).command);
    const page = `${own.trimEnd()}\n\n${MARK}\n\n\`\`\`text\n${help}\n\`\`\`\n`;
    if (page === text) continue;
    if (check) stale.push(`docs/tasks/${task}.md`);
    else await Deno.writeTextFile(url, page);
  }
  if (stale.length === 0) return;
  throw new EmpSslError({
    action: "accept",
    subject: stale.join(", "),
    found: "the flags are not those of the task",
    remedy: "run `deno task docs`",
    code: "INVALID_DATA",
  });
}

if (import.meta.main) await main(command, writePages);
