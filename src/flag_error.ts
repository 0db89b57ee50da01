/**
 * Errors of a run's choices.
 *
 * @module
 */
import { errorMaker } from "./errors.ts";

/** A choice that is refused, named as its flag: `--lr 0`. */
export const flagError = errorMaker("train with", "INVALID_ARGUMENT");
