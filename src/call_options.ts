/**
 * Options that all long calls have in common.
 *
 * @module
 */

/** Options that all long calls have in common: a signal and an event callback. */
export interface CallOptions<Event> {
  /**
   * Aborts the call, which then rejects with the signal's reason. Files on disk stay
   * intact.
   */
  signal?: AbortSignal;
  /** Called with progress events. */
  onEvent?: (event: Event) => void;
}

/**
 * The result of some work; rejects with the signal's reason once it is aborted.
 *
 * @example An aborted wait
 * ```ts
 * import { untilAborted } from "./call_options.ts";
 *
 * const never = new Promise(() => {});
 * const reason = await untilAborted(never, AbortSignal.abort("enough"))
 *   .catch((error) => error);
 * console.assert(reason === "enough");
 * ```
 */
export async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return await work;
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
  // The promise that settles second is not awaited: handle its rejection.
  for (const promise of [work, aborted]) promise.catch(() => {});
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
