/**
 * Errors about a run's settings.
 *
 * @module
 */
import { errorMaker } from "./errors.ts";

/** A setting that is refused, named by its flag: `--lr 0`. */
export const flagError = errorMaker("train with", "INVALID_ARGUMENT");

/** The flag of a setting: `patchSim` → `--patch-sim`. */
export function flagOf(choice: string): string {
  return `--${choice.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
}
