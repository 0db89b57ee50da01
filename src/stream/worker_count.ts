/**
 * How many patch workers there are.
 *
 * @module
 */
import { checkCount } from "../common/count.ts";
import { EmpSslError } from "../common/errors.ts";

/** Each worker is a thread with a JavaScript engine of its own, of some 50 MB. */
const MOST_PER_CORE = 4, MOST = 64;

/**
 * The default number of patch workers.
 *
 * @param device What the engine runs on: on a CPU it needs most cores.
 */
export function defaultWorkers(device: "CPU" | "GPU"): number {
  const cores = navigator.hardwareConcurrency;
  return device === "GPU" ? Math.max(1, cores - 1) : Math.max(1, cores >> 2);
}

/**
 * Rejects a number of workers that the machine cannot run; undefined is accepted.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 *
 * @example Too many
 * ```ts
 * import { checkWorkers } from "./worker_count.ts";
 *
 * checkWorkers(2);
 * let message = "";
 * try {
 *   checkWorkers(100_000);
 * } catch (error) {
 *   message = (error as Error).message;
 * }
 * console.assert(message.includes("give a whole number from 1 to"));
 * ```
 */
export function checkWorkers(workers: number | undefined): void {
  const action = "cut patches with", subject = `--workers ${workers}`;
  checkCount(workers, { action, subject });
  if (feasibleWorkers(workers) === workers) return;
  throw new EmpSslError({
    ...{ action, subject, code: "INVALID_ARGUMENT" },
    found: "each is a thread with a JavaScript engine of its own",
    remedy: `give a whole number from 1 to ${mostWorkers()}`,
  });
}

/**
 * The workers of a run that was begun on another machine; undefined, for the default,
 * where they are too many for this one.
 */
export function feasibleWorkers(workers?: number): number | undefined {
  return workers !== undefined && workers > mostWorkers() ? undefined : workers;
}

function mostWorkers(): number {
  return Math.max(MOST, MOST_PER_CORE * navigator.hardwareConcurrency);
}
