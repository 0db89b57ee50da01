/**
 * Sets TensorFlow up for a program that trains or evaluates.
 *
 * @module
 */
import type { CallOptions } from "../../call_options.ts";
import { installEngine } from "./install.ts";
import { hasGpuWheels, hasNvidiaGpu, type Variant } from "./wheels.ts";

/** How TensorFlow is wanted. */
export interface SetUpChoices {
  /** For the processor or with CUDA; by default what the machine has. */
  variant?: Variant;
}

/** What the set-up is at; `bytes` on disk grow while it downloads. */
export interface SetUpEvent {
  /** In words. */
  what: string;
  /** On disk. */
  bytes?: number;
}

/**
 * Sets TensorFlow up in the user's cache folder unless it is there: once for
 * each user, about half a minute and 1 GB. Without it, engines that need no
 * set-up are used, which are far slower.
 *
 * @param choices The variant.
 * @param options A signal that ends it, leaving nothing; told of the progress.
 * @throws {EmpSslError} `SETUP_FAILED`, naming the remedy: no python3 with pip,
 * no network, no room; `ENGINE_UNAVAILABLE` where there is no wheel for this
 * platform.
 *
 * @example Before the first training of a program
 * ```ts ignore
 * import { setUpTensorFlow, train } from "./mod.ts";
 *
 * await setUpTensorFlow({}, { onEvent: ({ what }) => console.log(what) });
 * for await (const event of train({ data: "shapes" })) console.log(event);
 * ```
 */
export async function setUpTensorFlow(
  { variant }: SetUpChoices = {},
  { signal, onEvent = () => {} }: CallOptions<SetUpEvent> = {},
): Promise<void> {
  const wanted = variant ??
    (hasGpuWheels() && hasNvidiaGpu() ? "gpu" : "cpu");
  const tell = (what: string, bytes?: number) => onEvent({ what, bytes });
  await installEngine(wanted, tell, signal);
}
