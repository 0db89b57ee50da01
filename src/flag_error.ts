/**
 * Errors of a run's choices.
 *
 * @module
 */
import { errorMaker } from "./errors.ts";

/** A choice that is refused, named as its flag: `--lr 0`. */
export const flagError = errorMaker("train with", "INVALID_ARGUMENT");

/** The flag of a choice: `--patch-sim` of `patchSim`. */
export function flagOf(choice: string): string {
  return `--${choice.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
}
