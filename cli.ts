/**
 * All tasks as one program:
 *
 *     deno install -g -n emp-ssl --allow-read --allow-write --allow-env \
 *       --allow-sys --allow-ffi --allow-net --allow-run cli.ts
 *     emp-ssl train --data cifar10
 *
 * Each task is described in its own module. Only the requested task's module is loaded.
 *
 * @module
 */
import { closestString } from "./src/deps/std.ts";
import { errorMaker } from "./src/common/errors.ts";
import { VERSION } from "./src/common/version.ts";
import { completions, SHELLS } from "./tasks/cli/completions.ts";
import type { Command, Values } from "./tasks/cli/flags.ts";
import { main } from "./tasks/cli/main.ts";
import { nameProgram } from "./tasks/cli/program.ts";

const PROGRAM = "emp-ssl";
const cliError = errorMaker("run", "INVALID_ARGUMENT");

/** The exports of a task's module that are used here. */
interface Task {
  command: Command;
  run?(values: Values, rest: string[]): Promise<void>;
  runWith?(args: string[]): Promise<void>;
}

/** The tasks, grouped by purpose. */
const GROUPS: Record<string, Record<string, () => Promise<Task>>> = {
  "Train and test": {
    train: () => import("./tasks/train.ts"),
    evaluate: () => import("./tasks/evaluate.ts"),
    compare: () => import("./tasks/compare.ts"),
    sweep: () => import("./tasks/sweep.ts"),
    launch: () => import("./tasks/launch.ts"),
    reproduce: () => import("./tasks/reproduce.ts"),
  },
  "Use what was trained": {
    embed: () => import("./tasks/embed.ts"),
    export: () => import("./tasks/export.ts"),
    report: () => import("./tasks/report.ts"),
  },
  "Look and set up": {
    patches: () => import("./tasks/patches.ts"),
    setup: () => import("./tasks/setup.ts"),
  },
};

const TASKS = Object.assign({}, ...Object.values(GROUPS)) as Record<
  string,
  () => Promise<Task>
>;

async function help(): Promise<string> {
  const lines = [`Usage: ${PROGRAM} TASK [flags]`];
  for (const [group, tasks] of Object.entries(GROUPS)) {
    lines.push("", `${group}:`);
    for (const [name, load] of Object.entries(tasks)) {
      const { command: { about } } = await load();
      const [first] = about.replaceAll("\n", " ").split(/[:;.](?: |$)/);
      lines.push(`  ${name.padEnd(12)}${first}`);
    }
  }
  return [
    ...lines,
    "",
    `  ${PROGRAM} TASK --help`.padEnd(43) + "its flags",
    `  ${PROGRAM} completions ${SHELLS.join("|")}`.padEnd(43) +
    "for your shell to read",
    `  ${PROGRAM} --version`,
  ].join("\n");
}

async function shellCompletions(shell: string | undefined): Promise<string> {
  const commands: Record<string, Command> = {};
  for (const [name, load] of Object.entries(TASKS)) {
    commands[name] = (await load()).command;
  }
  return completions(shell, { program: PROGRAM, commands });
}

/** Handles arguments that name no task: version, completions, help, or an error. */
async function other(args: string[]): Promise<void> {
  const [first] = args;
  if (first === "--version" || first === "-V") {
    console.log(`${PROGRAM} ${VERSION}`);
  } else if (first === "completions") {
    console.log(await shellCompletions(args[1]));
  } else if (first === undefined || /^(-h|--help|help)$/.test(first)) {
    console.log(await help());
  } else {
    const near = closestString(first, Object.keys(TASKS));
    throw cliError(
      `"${first}"`,
      "there is no such task",
      `did you mean ${near}`,
    );
  }
}

if (import.meta.main) {
  nameProgram(PROGRAM);
  const [name, ...rest] = Deno.args;
  if (name !== undefined && Object.hasOwn(TASKS, name)) {
    const { command, run, runWith } = await TASKS[name]!();
    const args = rest.map((arg) => arg === "-h" ? "--help" : arg);
    if (runWith) await runWith(args);
    else await main(command, run!, args);
  } else {
    const nothing = { usage: PROGRAM, about: "", flags: {}, examples: [] };
    await main(nothing, () => other(Deno.args), []);
  }
}
