/**
 * The constants of a method that `--method-options` changes, and what they may be.
 *
 * @module
 */
import type { ModelConfig } from "../architectures.ts";

/** What an option may be. */
export interface Limit {
  /** In words, for a message. */
  wanted: string;
  /** Whether a value is so. */
  fits(value: number): boolean;
}

/** Under this temperature exponents of cosines leave fp32. */
const COLDEST = 0.03;

/** Something that is counted. */
export const COUNT: Limit = {
  wanted: "a whole number from 1 up",
  fits: (value) => Number.isInteger(value) && value >= 1,
};
/** Epochs before something begins. */
export const EPOCHS: Limit = {
  wanted: "a whole number of epochs",
  fits: (value) => Number.isInteger(value) && value >= 0,
};
/** What cosines are divided by. */
export const TEMPERATURE: Limit = {
  wanted: `a number from ${COLDEST} up`,
  fits: (value) => value >= COLDEST,
};
/** A share of a whole. */
export const SHARE: Limit = {
  wanted: "a number from 0 to 1",
  fits: (value) => value >= 0 && value <= 1,
};
/** A weight of the loss, or any other number. */
export const WEIGHT: Limit = {
  wanted: "a number from 0 up",
  fits: (value) => Number.isFinite(value) && value >= 0,
};

/** An option of the model's method. */
export function optionOf({ method }: ModelConfig, name: string): number {
  return method![name] as number;
}
