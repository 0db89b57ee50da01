/**
 * The names of a call's choices, and their values out of a list: a mistyped one must
 * not be ignored.
 *
 * @module
 */
import { EmpSslError, errorMaker } from "./errors.ts";
import { suggestion } from "./nearest.ts";

/** The error of a choice that does not exist or fit. */
export const choiceError = errorMaker("use", "INVALID_ARGUMENT");

/** The names of an interface's fields, all of them: the compiler sees to it. */
export type NamesOf<T> = Readonly<Record<keyof T, true>>;

/**
 * Rejects choices that do not exist, for callers in JavaScript and for objects that the
 * compiler does not check for surplus fields.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with the nearest name.
 */
export function checkNames<T>(given: object, known: NamesOf<T>): void {
  const names = Object.keys(known);
  const other = Object.keys(given).find((name) => !names.includes(name));
  if (other === undefined) return;
  throw choiceError(
    `"${other}"`,
    "there is no such choice",
    suggestion(other, names, `give some of ${names.join(", ")}`),
  );
}

/**
 * Rejects a value that is not in a list; undefined is accepted.
 *
 * @param of The action that it is for, and its name in the message.
 * @throws {EmpSslError} `INVALID_ARGUMENT`, with the nearest value.
 */
export function checkOneOf(
  value: string | undefined,
  known: readonly string[],
  of: { action: string; subject: string },
): void {
  if (value === undefined || known.includes(value)) return;
  const list = known.length > 2
    ? `one of ${known.join(", ")}`
    : known.join(" or ");
  throw new EmpSslError({
    ...of,
    found: "it does not exist",
    remedy: suggestion(`${value}`, known, `choose ${list}`),
    code: "INVALID_ARGUMENT",
  });
}
