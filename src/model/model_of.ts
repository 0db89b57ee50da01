/**
 * The model of a configuration.
 *
 * @module
 */
import { architecture, type ModelConfig } from "./architectures.ts";
import { methodNamed } from "./methods/methods.ts";

/** The choices of a configuration that determine the model. */
export interface ModelChoice {
  /** The architecture's name. */
  arch: string;
  /** Changes of the architecture. */
  model?: Partial<ModelConfig>;
  /** The method's name: EMP-SSL by default. */
  method?: string;
  /** Changes of the method's options. */
  methodOptions?: Record<string, number>;
}

/**
 * The model of a configuration: its architecture, with the head widths and options of
 * its method and with the configuration's changes.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` for an unknown name.
 *
 * @example Half as wide
 * ```ts
 * import { modelOf } from "./model_of.ts";
 *
 * const model = modelOf({ arch: "resnet34-cifar", model: { width: 32 } });
 * console.assert(model.depth === 34 && model.width === 32);
 * ```
 */
export function modelOf(
  { arch, model, method: name, methodOptions }: ModelChoice,
): ModelConfig {
  const network = { ...architecture(arch).model, ...model };
  const method = methodNamed(name);
  if (method.views === undefined) return network;
  return {
    ...network,
    ...method.widths,
    ...model,
    method: { ...method.options, ...methodOptions, name: method.name },
  };
}
