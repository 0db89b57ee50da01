/**
 * The environment variables that TensorFlow and CUDA read and that no
 * configuration can replace. All are set here, before the library is loaded. A
 * variable that the user has set is not changed, except CUDA_VISIBLE_DEVICES, of
 * which each of several Slurm tasks uses a share.
 *
 * @module
 */
import { SHARERS, slurmGpus } from "./gpu_share.ts";
import type { Precision, XlaChoice } from "../engine.ts";

/** What the variables depend on. */
interface EnvironmentChoice {
  gpu: boolean;
  precision: Precision | "auto";
  xla?: XlaChoice;
}

/** The variables of an engine, and why each is set. */
function variables(
  { gpu, xla }: EnvironmentChoice,
): Record<string, string> {
  return {
    // The C++ code logs fatal errors only; calls return other errors as statuses.
    TF_CPP_MIN_LOG_LEVEL: "3",
    ...(gpu
      ? {
        // Several processes may share a GPU; NCCL refuses that otherwise.
        NCCL_MULTI_RANK_GPU_ENABLE: "1",
      }
      : {}),
    // The session's setting enables XLA on GPUs only; on a CPU this flag is needed
    // as well.
    ...(!gpu && xla === "on"
      ? { TF_XLA_FLAGS: "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit" }
      : {}),
  };
}

/** Some environment variables: those of the process, or a test's. */
type Variables = Pick<typeof Deno.env, "get" | "set" | "delete">;

/**
 * What the first engine of this process chose where TensorFlow or CUDA reads a setting
 * once, in an environment variable of ours, by which all threads learn of it.
 */
function firstChoice(name: string, env: Variables): string | undefined {
  // With the process's number: child processes inherit the environment.
  const [pid, first] = env.get(name)?.split(":") ?? [];
  return pid === `${Deno.pid}` ? first : undefined;
}

function keepChoice(name: string, choice: string, env: Variables): void {
  env.set(name, `${Deno.pid}:${choice}`);
}

/** What the first engine of this process asked for: see {@linkcode firstChoice}. */
const THREADS = "EMP_SSL_THREADS", XLA = "EMP_SSL_XLA";

/**
 * TensorFlow keeps one pool of threads for a whole process, of the size that the first
 * engine asks for.
 *
 * @param threads What this engine asks for.
 * @returns Why it gets another number, if it does.
 */
export function otherThreads(threads: number | undefined): string | undefined {
  const wish = `${threads ?? "all"}`, first = firstChoice(THREADS, Deno.env);
  if (first === undefined) keepChoice(THREADS, wish, Deno.env);
  return first === undefined || threads === undefined || first === wish
    ? undefined
    : `the engine uses ${first} threads, as the first one in this process ` +
      `did, not ${wish}: start another process for that`;
}

/**
 * Whether XLA compiles for the CPU, which TensorFlow decides once in a process.
 *
 * @param wish Whether this engine asks for it.
 * @returns Whether it does, and a warning where that is not what was asked for.
 */
export function cpuXla(
  wish: boolean,
  env: Variables = Deno.env,
): { xla: boolean; warning?: string } {
  const first = firstChoice(XLA, env);
  if (first === undefined) keepChoice(XLA, `${wish}`, env);
  const xla = first === undefined ? wish : first === "true";
  if (xla === wish) return { xla };
  const warning =
    `the model is computed with${xla ? "" : "out"} XLA, as by the ` +
    "first engine in this process: start another process to change that";
  return { xla, warning };
}

/** Whether cuBLAS and cuDNN may round fp32 to TF32; they read it once in a process. */
const OVERRIDE = "NVIDIA_TF32_OVERRIDE";
/** The number of this process, and what its first engine on a GPU made of `OVERRIDE`. */
const ROUNDING = "EMP_SSL_ROUNDING";

/**
 * Sets for the first engine of a process whether products of fp32 may be rounded to
 * TF32, unless the user has.
 *
 * @param precision What this engine asks for. In bf16 these are the products of the
 * losses, which stay as TensorFlow has them: `auto`, which is decided when the library is
 * loaded, then computes like the bf16 that a resumed run asks for.
 * @returns Why this engine's products are rounded otherwise, if they are.
 */
export function setRounding(
  precision: EnvironmentChoice["precision"],
  env: Variables = Deno.env,
): string | undefined {
  const wish = precision === "fp32" ? "fp32" : "TF32";
  const first = firstChoice(ROUNDING, env);
  if (first === undefined) {
    // A parent of ours has set it for itself.
    if (env.get(ROUNDING)?.endsWith(":fp32")) env.delete(OVERRIDE);
    const isUsers = env.get(OVERRIDE) !== undefined;
    if (!isUsers && wish === "fp32") env.set(OVERRIDE, "0");
    keepChoice(ROUNDING, isUsers ? "user" : wish, env);
    return undefined;
  }
  return first === "user" || first === wish
    ? undefined
    : `products of fp32 are computed in ${first}, as by the first engine in this ` +
      `process, not in ${wish}: start another process for that`;
}

/**
 * Sets the variables.
 *
 * @returns A warning, where an earlier engine of this process has decided otherwise.
 */
export function setEnvironment(
  choice: EnvironmentChoice,
): string | undefined {
  // Of several engines in a process the first one takes the share.
  const share = choice.gpu && Deno.env.get(SHARERS) === undefined
    ? slurmGpus((name) => Deno.env.get(name))
    : undefined;
  if (share !== undefined) {
    Deno.env.set("CUDA_VISIBLE_DEVICES", share.own);
    Deno.env.set(SHARERS, `${share.sharers}`);
  }
  for (const [name, value] of Object.entries(variables(choice))) {
    if (Deno.env.get(name) === undefined) Deno.env.set(name, value);
  }
  return choice.gpu ? setRounding(choice.precision) : undefined;
}

/**
 * Keeps the batch norms of training in NHWC on a GPU, without which TensorFlow
 * transposes to NCHW and back around each of them. In bf16 alone: batch norms of fp32
 * are in NCHW anyway, where cuDNN's method that this chooses may overflow.
 */
export function keepBatchNormsInPlace(precision: Precision): void {
  const name = "TF_USE_CUDNN_BATCHNORM_SPATIAL_PERSISTENT";
  if (precision !== "bf16" || Deno.env.get(name) !== undefined) return;
  Deno.env.set(name, "1");
}

/** The number of processes among which each GPU's memory is divided. */
export function gpuSharers(): number {
  return Number(Deno.env.get(SHARERS)) || 1;
}

/** Whether CUDA may use any GPU: an empty list, or -1, hides all. */
export function seesGpus(): boolean {
  const list = Deno.env.get("CUDA_VISIBLE_DEVICES")?.trim();
  return list !== "" && list !== "-1";
}
