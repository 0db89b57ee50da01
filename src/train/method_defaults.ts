/**
 * The choices that follow from a run's method and architecture.
 *
 * @module
 */
import type { TrainConfig } from "../checkpoint/run_config.ts";
import { isForPhotographs } from "../model/architectures.ts";
import type { MethodDefaults } from "../model/methods/method.ts";
import { type MethodName, methodNamed } from "../model/methods/methods.ts";

/** The constants of a method for an architecture. */
export function methodDefaults(
  { method, arch }: { method?: MethodName; arch?: string },
): MethodDefaults {
  return methodNamed(method).defaults(isForPhotographs(arch));
}

/** The method's default learning rate for a batch size. */
export function methodRate({ method, bs }: TrainConfig, arch: string): number {
  const { rate, per } = methodDefaults({ method, arch }).lr;
  return per === 0 ? rate : rate * bs / per;
}

/** Limit of the default warm-up, in percent of a run. */
const MOST_WARM_UP = 50;

/** The method's default warm-up, as a percentage of a run's steps. */
export function methodWarmUp(
  { method }: TrainConfig,
  { arch, steps }: { arch: string; steps: number },
): string | undefined {
  const { warmUp, leastWarmUpSteps = 0 } = methodDefaults({ method, arch });
  if (warmUp === undefined) return undefined;
  const least = Math.ceil(100 * leastWarmUpSteps / Math.max(1, steps));
  return `${Math.min(MOST_WARM_UP, Math.max(parseFloat(warmUp), least))}%`;
}

/**
 * The method's head where it depends on the architecture: stored with the run, so that
 * older runs keep theirs.
 */
export function headChoices(
  { method, model, methodOptions }: TrainConfig,
  arch: string,
): Pick<TrainConfig, "model" | "methodOptions"> {
  const { widths, options } = methodDefaults({ method, arch });
  return {
    ...(widths ? { model: { ...widths, ...model } } : {}),
    ...(options ? { methodOptions: { ...options, ...methodOptions } } : {}),
  };
}

/** A configuration's parts without what {@linkcode headChoices} adds to them. */
export function withoutDefaultHead(
  { method, arch, model = {}, methodOptions = {} }: Partial<TrainConfig>,
): Pick<TrainConfig, "model" | "methodOptions"> {
  const { widths = {}, options = {} } = methodDefaults({ method, arch });
  const without = (own: object, usual: object) => {
    const rest = Object.entries(own).filter(([name, value]) =>
      value !== (usual as Record<string, unknown>)[name]
    );
    return rest.length > 0 ? Object.fromEntries(rest) : undefined;
  };
  return {
    model: without(model, widths),
    methodOptions: without(methodOptions, options),
  };
}
