/**
 * Choices with several values, as `deno task sweep` takes them: `lr=0.1,0.3`.
 *
 * @module
 */
import { suggestion } from "../../src/common/nearest.ts";
import { errorMaker } from "../../src/common/errors.ts";
import { type Flag, parseFlags, type Values } from "./flags.ts";
import { command as trainCommand } from "./train_flags.ts";

const sweepError = errorMaker("sweep over", "INVALID_ARGUMENT");

/** Flags of `train` that set how a run is executed, its images or its length. */
const OPERATIONAL: readonly string[] = [
  ...["workers", "threads", "keep", "task", "peer-timeout", "cache-limit"],
  ...["dashboard", "engine", "xla", "limit-images", "max-steps"],
];

function canVary(name: string, { type, choices, without }: Flag): boolean {
  const told = type === "number" || choices !== undefined ||
    ["warm-up", "micro-batch", "patch-size"].includes(name);
  return told && without === undefined && !OPERATIONAL.includes(name) &&
    name !== "data";
}

/** The names of the flags that a sweep can vary. */
export const VARIABLE: readonly string[] = Object.entries(trainCommand.flags)
  .filter(([name, flag]) => canVary(name, flag))
  .map(([name]) => name);

/** A run of a sweep. */
export interface Variation {
  /** Its folder: `base`, or `lr-0.1`. */
  name: string;
  /** The values of its flags, besides those of all runs. */
  values: Values;
}

/** Parses one choice: a variation for each value. */
function parseOne(text: string): Variation[] {
  const [given, list] = text.split("=") as [string, string?];
  const plain = given.replace(/^--/, "").replaceAll("_", "-");
  const name = trainCommand.aliases?.[plain] ?? plain;
  if (!list) {
    throw sweepError(
      `"${text}"`,
      "it names no values",
      `write ${given}=A,B for two values`,
    );
  }
  if (!VARIABLE.includes(name)) {
    throw sweepError(
      given,
      "it is not a flag of train that can be varied",
      suggestion(name, VARIABLE, `choose one of ${VARIABLE.join(", ")}`),
    );
  }
  // `16,32@0.75` is one value.
  return [...new Set(list.split(/,(?!\d+@)/))].map((value) => {
    const { [name]: parsed } = parseFlags([`--${name}=${value}`], trainCommand);
    return {
      name: `${name}-${String(parsed).replaceAll(/[^\w.%+-]/g, "-")}`,
      values: { [name]: parsed },
    };
  });
}

/**
 * The runs of a sweep: one without any change, then one for each value; or one for
 * every combination of the values.
 *
 * @param texts Choices with their values: `lr=0.1,0.3`.
 * @throws {EmpSslError} `INVALID_ARGUMENT`, suggesting the most similar valid name.
 */
export function variationsOf(texts: string[], grid: boolean): Variation[] {
  if (texts.length === 0) {
    throw sweepError("nothing", "no choice was named", "write lr=0.1,0.3,1");
  }
  const choices = texts.map(parseOne);
  const names = choices.map(([first]) => Object.keys(first!.values)[0]!);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw sweepError(twice, "it is given twice", "give all values in one list");
  }
  if (!grid) return [{ name: "base", values: {} }, ...choices.flat()];
  return choices.reduce<Variation[]>(
    (before, more) =>
      before.flatMap((a) =>
        more.map((b) => ({
          name: a.name === "" ? b.name : `${a.name},${b.name}`,
          values: { ...a.values, ...b.values },
        }))
      ),
    [{ name: "", values: {} }],
  );
}
