/**
 * Parses `--warm-up`.
 *
 * @module
 */
import { flagError } from "../common/flag_error.ts";

/** The length of a run. */
interface Length {
  /** Steps per epoch. */
  stepsPerEpoch: number;
  /** Steps in all. */
  steps: number;
}

/** Parses `2` (epochs) and `10%` (of the run) into a value and its unit. */
export function parseWarmUp(text: string): { value: number; percent: boolean } {
  const [, number, sign] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const value = Number(number), percent = sign === "%";
  if (number === undefined || (percent && value >= 100)) {
    throw flagError(
      `--warm-up ${text}`,
      "it is neither epochs nor a share of the run",
      "give a number of epochs, or a share as in 10%",
    );
  }
  return { value, percent };
}

/**
 * The number of warm-up steps: at most all, as in a run of ten epochs with solo-learn's
 * ten of warm-up.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` if the warm-up is longer than the run.
 */
export function warmUpSteps(
  text: string | undefined,
  { stepsPerEpoch, steps }: Length,
): number {
  if (text === undefined) return 0;
  const { value, percent } = parseWarmUp(text);
  const found = Math.round(value * (percent ? steps / 100 : stepsPerEpoch));
  if (found <= steps) return found;
  throw flagError(
    `--warm-up ${text}`,
    `the run has ${steps} steps, and the warm-up would have ${found}`,
    "give a shorter warm-up",
  );
}
