/**
 * Command lines: parsing, checking and help text all follow from one declaration of
 * the flags.
 *
 * @module
 */
import { parseArgs } from "../../src/deps/std.ts";
import { EmpSslError, errorMaker } from "../../src/common/errors.ts";
import { suggestion } from "../../src/common/nearest.ts";

const flagError = errorMaker("understand", "INVALID_ARGUMENT");

/** One flag. */
export interface Flag {
  /** Type of its value; a switch has none. */
  type: "text" | "number" | "switch";
  /** Its line of the help. */
  help: string;
  /** Placeholder of its value in the help. */
  value?: string;
  /** Its value when the flag is given without one. */
  without?: string | number;
  /** The allowed words, if there are few. */
  choices?: readonly string[];
  /** What is allowed besides `choices`: its placeholder in the help, and its test. */
  or?: { value: string; is: (text: string) => boolean };
}

/** A command. */
export interface Command {
  /** The usage line. */
  usage: string;
  /** What it does. */
  about: string;
  /** Its flags by name, with hyphens; users may write underscores. */
  flags: Record<string, Flag>;
  /** Other names of some flags. */
  aliases?: Record<string, string>;
  /** Whether positional arguments are allowed. */
  arguments?: boolean;
  /** Example commands in the help. */
  examples: string[];
}

/** The given values by flag name. */
export type Values = Record<string, string | number | boolean | undefined>;

/**
 * The text of a flag that a command needs.
 *
 * @param of What cannot be done without it, and what to give.
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it was not given.
 */
export function requiredFlag(
  values: Values,
  name: string,
  of: { action: string; subject?: string; remedy?: string },
): string {
  const value = values[name];
  if (value !== undefined) return String(value);
  throw new EmpSslError({
    subject: "nothing",
    remedy: `give --${name}`,
    ...of,
    found: `no --${name} was given`,
    code: "INVALID_ARGUMENT",
  });
}

/** The help of a command. */
export function helpText(
  { usage, about, flags, aliases = {}, examples }: Command,
): string {
  const other = Object.entries(aliases)
    .map(([alias, name]) => `--${alias} is --${name}`);
  const rows = Object.entries(flags).map(([name, flag]) => {
    const words = flag.or && flag.choices
      ? [...flag.choices, flag.or.value]
      : flag.choices;
    const kind = words?.join("|") ?? flag.value ?? "N";
    const value = flag.type === "switch"
      ? ""
      : flag.without === undefined
      ? ` ${kind}`
      : ` [${kind}]`;
    return [`  --${name}${value}`, flag.help];
  });
  rows.push(["  --help", "show this"]);
  const width = Math.min(
    34,
    Math.max(...rows.map(([left]) => left.length)) + 2,
  );
  return [
    `Usage: ${usage}`,
    "",
    about,
    "",
    "Flags (underscores may replace hyphens):",
    ...rows.map(([left, right]) =>
      left.length >= width
        ? `${left}\n${" ".repeat(width)}${right}`
        : left.padEnd(width) + right
    ),
    ...(other.length > 0 ? ["", `Other names: ${other.join(", ")}.`] : []),
    "",
    "Examples:",
    ...examples.map((example) => `  ${example}`),
  ].join("\n");
}

function valueOf(name: string, flag: Flag, raw: unknown): Values[string] {
  if (flag.type === "switch") return raw as boolean;
  const text = String(raw);
  if (text === "" && flag.without !== undefined) return flag.without;
  if (text === "") {
    throw flagError(
      `--${name}`,
      "it has no value",
      `write --${name} ${flag.value ?? "N"}`,
    );
  }
  if (flag.choices && !flag.choices.includes(text) && !flag.or?.is(text)) {
    const words = flag.or ? [...flag.choices, flag.or.value] : flag.choices;
    throw flagError(
      `--${name} ${text}`,
      `it is not one of ${words.join(", ")}`,
      suggestion(text, flag.choices, "choose one of them"),
    );
  }
  if (flag.type === "text") return text;
  const number = Number(text);
  if (!Number.isFinite(number)) {
    throw flagError(`--${name} ${text}`, "it is not a number", "give a number");
  }
  return number;
}

/**
 * Turns `--lr -1` into `--lr=-1`: otherwise a negative number, or a text with spaces
 * that begins with a hyphen, would be parsed as a flag, and an empty value would be
 * taken for an argument. `--linear True`, as Python's programs take it, is a switch.
 */
function joinValues(args: string[], flags: Command["flags"]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1) ?? "";
    const flag = flags[before.replace(/^--/, "")];
    if (/^$|^-\d|^-.*\s/.test(arg) && flag && flag.type !== "switch") {
      joined[joined.length - 1] = `${before}=${arg}`;
    } else if (/^(True|False)$/.test(arg) && flag?.type === "switch") {
      joined[joined.length - 1] = `${before}=${arg.toLowerCase()}`;
    } else joined.push(arg);
  }
  return joined;
}

/**
 * Parses a command line.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, suggesting the most similar valid name.
 */
export function parseFlags(args: string[], command: Command): Values {
  return parseCommand(args, command).values;
}

/** Like {@linkcode parseFlags}, and also returns the positional arguments. */
export function parseCommand(
  args: string[],
  command: Command,
): { values: Values; rest: string[] } {
  const { flags } = command;
  const names = [...Object.keys(flags), "help"];
  const ofType = (...types: string[]) =>
    Object.keys(flags).filter((name) => types.includes(flags[name].type));
  const spelled = joinValues(
    args.map((arg) =>
      // Not a quoted text that begins with a flag, as `record` takes.
      arg.replace(/^--[\w-]+(?==|$)/, (flag) => {
        const name = flag.slice(2).replaceAll("_", "-");
        return `--${command.aliases?.[name] ?? name}`;
      })
    ),
    flags,
  );
  const parsed = parseArgs(spelled, {
    // "_": positional arguments stay text, as a folder named 001.
    string: [...ofType("text", "number"), "_"],
    boolean: [...ofType("switch"), "help"],
    unknown(arg: string, key?: string) {
      if (key === undefined) {
        if (command.arguments) return true;
        throw flagError(`"${arg}"`, "unexpected argument", "see --help");
      }
      const others = Object.keys(command.aliases ?? {});
      const write = (name: string) => `--${name}`;
      const alias = suggestion(key, others, "see --help", write);
      const remedy = suggestion(key, names, alias, write);
      throw flagError(arg, "there is no such flag", remedy);
    },
  });
  const end = spelled.indexOf("--");
  if (end >= 0 && !command.arguments) {
    throw flagError('"--"', "unexpected argument", "leave it out");
  }
  const before = end < 0 ? spelled : spelled.slice(0, end);
  const values: Values = { help: parsed.help === true };
  for (const [name, flag] of Object.entries(flags)) {
    const all = before.filter((arg) =>
      arg === `--${name}` || arg.startsWith(`--${name}=`)
    );
    const given = all.length;
    if (
      flag.type === "switch" && given > 0 &&
      !/^--[^=]+(=true|=false)?$/.test(all[0]!)
    ) {
      throw flagError(
        all[0]!,
        "it takes no value",
        `write --${name}, or leave it out`,
      );
    }
    if (given > 1) {
      throw flagError(
        `--${name}`,
        "it is given more than once",
        "give it once",
      );
    }
    if (given === 1) {
      values[name] = valueOf(name, flag, parsed[name]);
    }
  }
  return { values, rest: ((parsed._ ?? []) as unknown[]).map(String) };
}
