/**
 * Distributes the GPUs of a machine among several processes.
 *
 * @module
 */

/**
 * The GPUs of a process: one or more for it alone, or, with fewer GPUs than
 * processes, one that it shares with other processes.
 *
 * @param task The index of the process on this machine.
 * @param options The number of processes, and the GPUs as `CUDA_VISIBLE_DEVICES`
 * names them.
 * @returns The value of that variable; undefined if there are no GPUs.
 *
 * @example Two processes, four GPUs
 * ```ts
 * import { gpusOf } from "./gpu_share.ts";
 *
 * const gpus = ["0", "1", "2", "3"];
 * console.assert(gpusOf(1, { processes: 2, gpus }) === "1,3");
 * ```
 */
export function gpusOf(
  task: number,
  { processes, gpus }: { processes: number; gpus: readonly string[] },
): string | undefined {
  if (gpus.length === 0) return undefined;
  if (gpus.length < processes) return gpus[task % gpus.length];
  return gpus.filter((_, i) => i % processes === task).join();
}

/** The variable that says how many processes of this machine use each GPU. */
export const SHARERS = "EMP_SSL_GPU_SHARERS";

/** How many processes share a GPU at most: each has a part of its memory. */
export function sharersOf(
  { processes, gpus }: { processes: number; gpus: readonly string[] },
): number {
  return gpus.length === 0 ? 1 : Math.ceil(processes / gpus.length);
}

/** The GPUs that a list of `CUDA_VISIBLE_DEVICES` names. */
export function gpusNamed(list: string | undefined): string[] {
  return (list ?? "").split(",").map((name) => name.trim()).filter(Boolean);
}

/**
 * The GPUs of a task, and how many tasks share them, if Slurm has started several tasks
 * on this machine that all see the same GPUs.
 *
 * @param variable Reads an environment variable.
 */
export function slurmGpus(
  variable: (name: string) => string | undefined,
): { own: string; sharers: number } | undefined {
  const task = Number(variable("SLURM_LOCALID"));
  const [, tasks] = /^(\d+)/.exec(
    variable("SLURM_STEP_TASKS_PER_NODE") ?? "",
  ) ?? [];
  const processes = Number(tasks),
    gpus = gpusNamed(variable("CUDA_VISIBLE_DEVICES"));
  if (!(processes > 1) || !(task < processes) || gpus.length < 2) {
    return undefined;
  }
  const machine = { processes, gpus };
  return { own: gpusOf(task, machine)!, sharers: sharersOf(machine) };
}
