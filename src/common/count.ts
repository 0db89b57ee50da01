/**
 * Checks a number that counts something, is a seed, or has to be positive.
 *
 * @module
 */
import { EmpSslError } from "./errors.ts";

/**
 * Rejects what is not a positive whole number; undefined is accepted.
 *
 * @param of The action that it is for, and its name in the message.
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 *
 * @example Half an image
 * ```ts
 * import { checkCount } from "./count.ts";
 *
 * checkCount(3, { action: "encode", subject: "images 3" });
 * let message = "";
 * try {
 *   checkCount(0.5, { action: "encode", subject: "images 0.5" });
 * } catch (error) {
 *   message = (error as Error).message;
 * }
 * console.assert(message.includes("it is not a positive whole number"));
 * ```
 */
export function checkCount(
  value: number | undefined,
  of: { action: string; subject: string },
): void {
  if (value === undefined || Number.isInteger(value) && value >= 1) return;
  throw new EmpSslError({
    ...of,
    found: "it is not a positive whole number",
    remedy: "give a whole number from 1 up",
    code: "INVALID_ARGUMENT",
  });
}

/**
 * Rejects what is no seed: a whole number of 32 bits.
 *
 * @param of The action that it is for, and its name in the message.
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkSeed(
  value: number,
  of: { action: string; subject: string },
): void {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return;
  throw new EmpSslError({
    ...of,
    found: "it is not a whole number from 0 to 4294967295",
    remedy: "give one",
    code: "INVALID_ARGUMENT",
  });
}

/**
 * Rejects what is not a finite number over 0; undefined is accepted.
 *
 * @param of The action that it is for, and its name in the message.
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkPositive(
  value: number | undefined,
  of: { action: string; subject: string },
): void {
  if (value === undefined || value > 0 && value < Infinity) return;
  throw new EmpSslError({
    ...of,
    found: "it must be positive and finite",
    remedy: "give a number over 0",
    code: "INVALID_ARGUMENT",
  });
}
