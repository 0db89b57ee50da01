/**
 * Parses `--save-every`.
 *
 * @module
 */
import { flagError } from "../common/flag_error.ts";

/** When checkpoints are written between the ends of the epochs. */
export interface SaveEvery {
  /** Steps between two checkpoints. */
  steps: number;
  /** Milliseconds between two checkpoints. */
  milliseconds: number;
}

/** Parses `100` (steps) and `10m` (minutes). */
export function parseSaveEvery(text: string | undefined): SaveEvery {
  const [, number, minutes] = /^(\d+)(m?)$/.exec(text ?? "") ?? [];
  if (text !== undefined && !(Number(number) >= 1)) {
    throw flagError(
      `--save-every ${text}`,
      "it is neither steps nor minutes",
      "give a whole number of steps, or of minutes as in 10m",
    );
  }
  const every = text === undefined ? Infinity : Number(number);
  return {
    steps: minutes ? Infinity : every,
    milliseconds: minutes ? every * 60_000 : Infinity,
  };
}
