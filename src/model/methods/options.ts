/**
 * The options of a method, which `--method-options` changes, and their valid values.
 *
 * @module
 */
import type { ModelConfig } from "../architectures.ts";

/** The valid values of an option. */
export interface Limit {
  /** In words, for an error message. */
  wanted: string;
  /** Whether a value is valid. */
  fits(value: number): boolean;
}

/** Lowest temperature, so that exp(cosine / temperature) stays in the range of fp32. */
const COLDEST = 0.03;

/** A count from 1 to `most`, which bounds memory and time. */
export function countUpTo(most: number): Limit {
  return {
    wanted: `a whole number from 1 to ${most}`,
    fits: (value) => Number.isInteger(value) && value >= 1 && value <= most,
  };
}
/** More than any network has: a slip of the keyboard should not fill the memory. */
export const MOST_WIDTH = 65_536;
/** The width of a layer. */
export const WIDTH = countUpTo(MOST_WIDTH);
/** The length of a queue of embeddings. */
export const QUEUE = countUpTo(2 ** 20);
/** The epoch from which a part of the method is active. */
export const EPOCHS: Limit = {
  wanted: "a whole number of epochs",
  fits: (value) => Number.isInteger(value) && value >= 0,
};
/** A temperature, which cosines are divided by. */
export const TEMPERATURE: Limit = {
  wanted: `a number from ${COLDEST} up`,
  fits: (value) => value >= COLDEST,
};
/** A fraction. */
export const SHARE: Limit = {
  wanted: "a number from 0 to 1",
  fits: (value) => value >= 0 && value <= 1,
};
/** A weight in the loss, or any other non-negative number. */
export const WEIGHT: Limit = {
  wanted: "a number from 0 up",
  fits: (value) => Number.isFinite(value) && value >= 0,
};

/** The value of an option of the model's method. */
export function optionOf({ method }: ModelConfig, name: string): number {
  return method![name] as number;
}
