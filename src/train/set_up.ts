/**
 * Sets TensorFlow up for a program that trains or evaluates.
 *
 * @module
 */
import { ensureEngine } from "../engine/tensorflow/ensure.ts";
import type { OnProgress } from "../engine/tensorflow/install.ts";
import type { Variant } from "../engine/tensorflow/variant.ts";
import { startCompute } from "./compute.ts";

/** How TensorFlow is wanted. */
export interface SetUpOptions {
  /** For the processor or with CUDA; what the machine has where not given. */
  variant?: Variant;
  /** Told of each part of the set-up, and of the bytes on disk. */
  onProgress?: OnProgress;
}

/**
 * Sets TensorFlow up in the user's cache folder unless it is there: once for
 * each user, about a minute and 1.3 GB. Without it the engines that need no
 * set-up are taken, which are far slower.
 *
 * @throws {EmpSslError} `SETUP_FAILED`, naming the remedy: no python3 with pip,
 * no C++ compiler, no network, no room.
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
  await ensureEngine({
    variant,
    async works() {
      try {
        (await startCompute({ engine: "tensorflow", precision: "fp32" }))
          .close();
        return true;
      } catch {
        return false;
      }
    },
    onProgress,
  });
}
