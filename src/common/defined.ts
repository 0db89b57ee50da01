/**
 * Options that are set.
 *
 * @module
 */

/**
 * The properties that are not undefined: in `{ ...defaults, ...options }` an option that
 * is given as undefined would replace its default.
 *
 * @example An option that is left open
 * ```ts
 * import { defined } from "./defined.ts";
 *
 * const options: { k: number | undefined; t: number } = { k: undefined, t: 1 };
 * console.assert({ ...{ k: 20, t: 2 }, ...defined(options) }.k === 20);
 * ```
 */
export function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}
