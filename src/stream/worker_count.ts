/**
 * How many patch workers there are.
 *
 * @module
 */
import { EmpSslError } from "../errors.ts";

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
  if (workers === undefined) return;
  const most = Math.max(MOST, MOST_PER_CORE * navigator.hardwareConcurrency);
  if (Number.isInteger(workers) && workers >= 1 && workers <= most) return;
  throw new EmpSslError({
    action: "cut patches with",
    subject: `--workers ${workers}`,
    found: "each is a thread with an engine of its own",
    remedy: `give a whole number from 1 to ${most}`,
    code: "INVALID_ARGUMENT",
  });
}
