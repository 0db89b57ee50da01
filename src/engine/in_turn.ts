/**
 * Loads the engines of a process one after another: while one is loaded, the stderr of
 * the whole process is redirected, and times are measured.
 *
 * @module
 */

/** The engines that are being loaded. */
let loading: Promise<unknown> = Promise.resolve();

/**
 * Loads an engine once those before it are loaded, or have failed.
 *
 * @example One after another
 * ```ts
 * import { inTurn } from "./in_turn.ts";
 *
 * const order: number[] = [];
 * await Promise.all([1, 2].map((i) => inTurn(async () => order.push(await i))));
 * console.assert(order.join() === "1,2");
 * ```
 */
export function inTurn<T>(load: () => Promise<T>): Promise<T> {
  const turn = loading.then(load);
  loading = turn.catch(() => {});
  return turn;
}
