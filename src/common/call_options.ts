/**
 * Options that all long calls have in common, and waits that end early.
 *
 * @module
 */
import { abortable, delay } from "../deps/std.ts";

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
  return await (signal ? abortable(work, signal) : work);
}

/** Waits for some work, for some milliseconds at most; the work goes on. */
export async function atMost(
  ms: number,
  work: Promise<unknown>,
): Promise<void> {
  const timer = new AbortController();
  const late = delay(ms, timer).catch(() => {});
  try {
    await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}
