/**
 * Shell completion of tasks and flags.
 *
 * @module
 */
import { errorMaker } from "../../src/common/errors.ts";
import type { Command } from "./flags.ts";

const shellError = errorMaker("complete for", "INVALID_ARGUMENT");

/** The supported shells. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** Completes tasks, the flags of a task, and the choices of a flag. */
function bash(program: string, commands: Record<string, Command>): string {
  const cases = Object.entries(commands).flatMap(([task, { flags }]) => {
    const choices = Object.entries(flags).filter(([, flag]) => flag.choices)
      .map(([name, flag]) =>
        `    ${task}:--${name}) words="${flag.choices!.join(" ")}" ;;`
      );
    const names = [...Object.keys(flags), "help"].map((name) => `--${name}`);
    return [...choices, `    ${task}:*) words="${names.join(" ")}" ;;`];
  });
  const name = `_${program.replaceAll("-", "_")}`;
  return [
    `${name}() {`,
    '  local words word="${COMP_WORDS[COMP_CWORD]}"',
    '  case "${COMP_WORDS[1]}:${COMP_WORDS[COMP_CWORD-1]}" in',
    ...cases,
    `    *) words="${Object.keys(commands).join(" ")} completions" ;;`,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    "}",
    // Completes file names if nothing else matches.
    `complete -o default -F ${name} ${program}`,
  ].join("\n");
}

function fish(program: string, commands: Record<string, Command>): string {
  const quote = (text: string) => `'${text.replaceAll("'", "\\'")}'`;
  const names = [...Object.keys(commands), "completions"].join(" ");
  return [
    `complete -c ${program} -n __fish_use_subcommand -f -a ${quote(names)}`,
    ...Object.entries(commands).flatMap(([task, { flags }]) =>
      Object.entries(flags).map(([name, { type, choices, help }]) =>
        [
          `complete -c ${program} -n '__fish_seen_subcommand_from ${task}'`,
          `-l ${name} -d ${quote(help)}`,
          type === "switch" ? "" : "-r",
          choices ? `-f -a ${quote(choices.join(" "))}` : "",
        ].filter((part) => part).join(" ")
      )
    ),
  ].join("\n");
}

/**
 * The completion script of a shell.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` for an unknown shell.
 */
export function completions(
  shell: string | undefined,
  { program, commands }: {
    program: string;
    commands: Record<string, Command>;
  },
): string {
  switch (shell) {
    case "bash":
      return bash(program, commands);
    case "zsh":
      return `autoload -U bashcompinit && bashcompinit\n${
        bash(program, commands)
      }`;
    case "fish":
      return fish(program, commands);
  }
  throw shellError(
    shell ?? "no shell",
    "there are no completions for it",
    `name one of ${SHELLS.join(", ")}`,
  );
}
