/**
 * Sets TensorFlow up for a program that trains or evaluates.
 *
 * @module
 */
import type { CallOptions } from "../../common/call_options.ts";
import { messageOf } from "../../common/errors.ts";
import { installEngine } from "./install.ts";
import { rethrowing } from "../../common/failure.ts";
import { chosenVariant, installedLibraries, keepChoice } from "./locate.ts";
import { hasGpuWheels, hasNvidiaGpu, type Variant } from "./wheels.ts";

/** Options of {@linkcode setUpTensorFlow}. */
export interface SetUpChoices {
  /**
   * For the CPU or with CUDA; by default the one that was chosen before, else what suits
   * the machine.
   */
  variant?: Variant;
}

/** The progress of the set-up. */
export interface SetUpEvent {
  /** What the set-up is doing, in words. */
  what: string;
  /** Bytes on disk, which grow during the download. */
  bytes?: number;
}

/**
 * Sets TensorFlow up in the user's cache folder unless it is installed: once for
 * each user, about half a minute and 1 GB (8 GB with CUDA, by default where there is an
 * NVIDIA GPU). Without TensorFlow, training uses
 * engines that need no set-up and are far slower.
 *
 * @param choices The variant.
 * @param options A signal that aborts the set-up and removes its files, and a
 * callback for the progress.
 * @throws {EmpSslError} `SETUP_FAILED`, naming the remedy: no python3 with pip,
 * no network, no disk space; `ENGINE_UNAVAILABLE` if there is no wheel for this
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
  signal?.throwIfAborted();
  const told = rethrowing(onEvent);
  const tell = (what: string, bytes?: number) => told.call({ what, bytes });
  if (variant !== undefined) {
    await installEngine(variant, tell, signal);
    return keepChoice(variant);
  }
  const byMachine = hasGpuWheels() && hasNvidiaGpu() ? "gpu" : "cpu";
  const wanted = chosenVariant() ?? byMachine;
  try {
    await installEngine(wanted, tell, signal);
  } catch (error) {
    signal?.throwIfAborted();
    told.rethrow();
    if (wanted === "cpu") throw error;
    // Without a network or room for CUDA, the one for the CPU works.
    if ((await installedLibraries(["cpu"])).length === 0) throw error;
    tell(`nothing: TensorFlow for the CPU is used. ${messageOf(error)}`);
  }
}
