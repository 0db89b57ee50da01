/**
 * Sees to it that an engine is there.
 *
 * @module
 */
import { installEngine, type OnProgress } from "./install.ts";
import { locateBindings } from "./locate.ts";
import { hasNvidiaGpu, type Variant } from "./variant.ts";

/** How an engine is wanted. */
export interface EnsureOptions {
  /** For the processor or with CUDA; what the machine has where not given. */
  variant?: Variant;
  /** Says whether the binding that the package's installer left works. */
  works(): Promise<boolean>;
  /** Told of each part of a set-up. */
  onProgress: OnProgress;
}

/**
 * Sets the engine up unless one is there: ours, or a binding of the package's
 * own installer that works.
 *
 * @throws {EmpSslError} `SETUP_FAILED`, naming the remedy.
 */
export async function ensureEngine(
  { variant, works, onProgress }: EnsureOptions,
): Promise<void> {
  const wanted = variant ?? (await hasNvidiaGpu() ? "gpu" : "cpu");
  const [best] = await locateBindings([wanted]);
  if (best?.origin === "set-up") return;
  if (best !== undefined && variant === undefined && await works()) return;
  await installEngine(wanted, onProgress);
}
