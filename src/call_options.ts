/**
 * What long calls take besides their choices.
 *
 * @module
 */

/** What long calls take besides their choices: a signal, and who is told. */
export interface CallOptions<Event> {
  /**
   * Ends the call: it rejects with the signal's reason. What is on disk already
   * stays whole.
   */
  signal?: AbortSignal;
  /** Told of progress. */
  onEvent?: (event: Event) => void;
}

/**
 * What some work gives, or the signal's reason as soon as it is aborted.
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
  // Whichever is the later: nobody waits for it.
  for (const promise of [work, aborted]) promise.catch(() => {});
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
