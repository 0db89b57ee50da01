/**
 * Flags that several benches share.
 *
 * @module
 */
import type { Flag } from "../tasks/cli/flags.ts";

/** `--json`. */
export const JSON_FLAG: Flag = {
  type: "switch",
  help: "one line of JSON for each measurement",
};

/** `--precision`. */
export const PRECISION_FLAG: Flag = {
  type: "text",
  choices: ["fp32", "bf16"],
  help: "default bf16",
};

/** `--repeat`. */
export const REPEAT_FLAG: Flag = {
  type: "number",
  help: "repetitions (default 3 to 5)",
};
