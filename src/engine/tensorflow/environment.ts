/**
 * The environment variables that TensorFlow and CUDA read and that no
 * configuration can replace. All are set here, before the library is loaded;
 * one that the user has set stays.
 *
 * @module
 */
import type { Precision } from "../engine.ts";

/** The variables of an engine, and why each is set. */
function variables(
  { gpu, precision }: { gpu: boolean; precision: Precision | "auto" },
): Record<string, string> {
  return {
    // The log of the C++ code: only fatal errors, since the errors of its calls
    // come back as statuses.
    TF_CPP_MIN_LOG_LEVEL: "3",
    ...(gpu
      ? {
        // Speed. Batch norms in training stay in NHWC: without it TensorFlow
        // transposes to NCHW and back around each of them.
        TF_USE_CUDNN_BATCHNORM_SPATIAL_PERSISTENT: "1",
        // Numbers. fp32 means fp32: cuBLAS and cuDNN would round the factors of
        // products to TF32's 10 bits.
        ...(precision === "fp32" ? { NVIDIA_TF32_OVERRIDE: "0" } : {}),
      }
      : {}),
  };
}

/** Sets the variables. */
export function setEnvironment(
  choice: { gpu: boolean; precision: Precision | "auto" },
): void {
  for (const [name, value] of Object.entries(variables(choice))) {
    if (Deno.env.get(name) === undefined) Deno.env.set(name, value);
  }
}
