/**
 * A failure that may occur while other work is pending. It replaces `Promise.race` with
 * a long-lived promise, which would leak the callbacks of every race for as long as the
 * promise exists.
 *
 * @module
 */

/**
 * A callback for code that would take the callback's error for one of its own work.
 *
 * @returns `call`, and `rethrow`, which throws what the callback has thrown.
 *
 * @example The user's error, and not that of a network
 * ```ts
 * import { rethrowing } from "./failure.ts";
 *
 * const { call, rethrow } = rethrowing(() => {
 *   throw new Error("the user's");
 * });
 * let message = "";
 * try {
 *   call();
 * } catch {
 *   try {
 *     rethrow();
 *   } catch (error) {
 *     message = (error as Error).message;
 *   }
 * }
 * console.assert(message === "the user's");
 * ```
 */
export function rethrowing<A extends unknown[]>(
  callback: ((...args: A) => void) | undefined,
): { call: (...args: A) => void; rethrow: () => void } {
  let thrown: { error: unknown } | undefined;
  return {
    call(...args) {
      try {
        callback?.(...args);
      } catch (error) {
        thrown ??= { error };
        throw error;
      }
    },
    rethrow() {
      if (thrown) throw thrown.error;
    },
  };
}

/**
 * A failure that may occur while other work is pending.
 *
 * @example Work that ends before the failure
 * ```ts
 * import { Failure } from "./failure.ts";
 *
 * const failure = new Failure();
 * console.assert(await failure.guard(Promise.resolve(1)) === 1);
 * failure.fail(new Error("broken"));
 * const later = failure.guard(Promise.resolve(2)).catch(() => "failed");
 * console.assert(await later === "failed");
 * ```
 */
export class Failure {
  #failed = false;
  #error: unknown;
  #waiting = new Set<(error: unknown) => void>();

  /** Reports the failure; only the first one counts. */
  fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#error = error;
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** A callback whose error is the failure, for threads to which it would be lost. */
  catching<A extends unknown[]>(
    callback: (...args: A) => void,
  ): (...args: A) => void {
    return (...args) => {
      try {
        callback(...args);
      } catch (error) {
        this.fail(error);
      }
    };
  }

  /** The result of some work; rejects with the failure if that comes first. */
  guard<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failed) {
        work.catch(() => {});
        return reject(this.#error);
      }
      this.#waiting.add(reject);
      work.then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }
}
