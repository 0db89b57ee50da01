/**
 * The names of a call's choices: a mistyped one must not be ignored.
 *
 * @module
 */
import { errorMaker } from "./errors.ts";
import { suggestion } from "./nearest.ts";

const choiceError = errorMaker("use", "INVALID_ARGUMENT");

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
