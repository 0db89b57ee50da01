/**
 * Sets TensorFlow up for a program that trains or evaluates.
 *
 * @module
 */
import { installEngine, type OnProgress } from "./install.ts";
import { hasGpuWheels, hasNvidiaGpu, type Variant } from "./wheels.ts";

/** How TensorFlow is wanted. */
export interface SetUpOptions {
  /** For the processor or with CUDA; by default what the machine has. */
  variant?: Variant;
  /** Told of each part of the set-up, and of the bytes on disk. */
  onProgress?: OnProgress;
}

/**
 * Sets TensorFlow up in the user's cache folder unless it is there: once for
 * each user, about half a minute and 1.3 GB. Without it, engines that need no
 * set-up are used, which are far slower.
 *
 * @throws {EmpSslError} `SETUP_FAILED`, naming the remedy: no python3 with pip,
 * no network, no room; `ENGINE_UNAVAILABLE` where there is no wheel for this
 * platform.
 *
 * @example Before the first training of a program
 * ```ts ignore
 * import { setUpTensorFlow, train } from "./mod.ts";
 *
 * await setUpTensorFlow({ onProgress: (what) => console.log(what) });
 * for await (const event of train({ data: "shapes" })) console.log(event);
 * ```
 */
export async function setUpTensorFlow(
  { variant, onProgress = () => {} }: SetUpOptions = {},
): Promise<void> {
  const wanted = variant ??
    (hasGpuWheels() && hasNvidiaGpu() ? "gpu" : "cpu");
  await installEngine(wanted, onProgress);
}
