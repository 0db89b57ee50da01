/**
 * The environment variables that TensorFlow and CUDA read and that no
 * configuration can replace. All are set here, before the library is loaded. A
 * variable that the user has set is not changed, except CUDA_VISIBLE_DEVICES, of
 * which each of several Slurm tasks uses a share.
 *
 * @module
 */
import { slurmGpus } from "./gpu_share.ts";
import type { Precision, XlaChoice } from "../engine.ts";

/** What the variables depend on. */
interface EnvironmentChoice {
  gpu: boolean;
  precision: Precision | "auto";
  xla?: XlaChoice;
}

/** The variables of an engine, and why each is set. */
function variables(
  { gpu, precision, xla }: EnvironmentChoice,
): Record<string, string> {
  return {
    // The C++ code logs fatal errors only; calls return other errors as statuses.
    TF_CPP_MIN_LOG_LEVEL: "3",
    ...(gpu
      ? {
        // Speed: keeps batch norms in training in NHWC. Without this variable
        // TensorFlow transposes to NCHW and back around each of them.
        TF_USE_CUDNN_BATCHNORM_SPATIAL_PERSISTENT: "1",
        // Precision: cuBLAS and cuDNN would otherwise round the factors of fp32
        // products to TF32's 10 bits. In bf16 these are the products of the losses,
        // and stay as TensorFlow has them: `auto`, which is decided when the library is
        // loaded, then computes like the bf16 that a resumed run asks for.
        ...(precision === "fp32" ? { NVIDIA_TF32_OVERRIDE: "0" } : {}),
      }
      : {}),
    // The session's setting enables XLA on GPUs only; on a CPU this flag is needed
    // as well.
    ...(!gpu && xla === "on"
      ? { TF_XLA_FLAGS: "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit" }
      : {}),
  };
}

/** The environment variable by which threads of this process learn of its first engine. */
const THREADS = "EMP_SSL_THREADS";

/**
 * TensorFlow keeps one pool of threads for a whole process, of the size that the first
 * engine asks for.
 *
 * @param threads What this engine asks for.
 * @returns Why it gets another number, if it does.
 */
export function otherThreads(threads: number | undefined): string | undefined {
  const wish = `${threads ?? "all"}`;
  // With the process's number: child processes inherit the environment.
  const [pid, first] = Deno.env.get(THREADS)?.split(":") ?? [];
  if (pid !== `${Deno.pid}`) Deno.env.set(THREADS, `${Deno.pid}:${wish}`);
  else if (threads !== undefined && first !== wish) {
    return `the engine uses ${first} threads, as the first one in this process ` +
      `did, not ${wish}: start another process for that`;
  }
  return undefined;
}

/** Sets the variables. */
export function setEnvironment(
  choice: EnvironmentChoice,
): void {
  const share = choice.gpu
    ? slurmGpus((name) => Deno.env.get(name))
    : undefined;
  if (share !== undefined) Deno.env.set("CUDA_VISIBLE_DEVICES", share);
  for (const [name, value] of Object.entries(variables(choice))) {
    if (Deno.env.get(name) === undefined) Deno.env.set(name, value);
  }
}
