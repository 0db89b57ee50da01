/**
 * The model that a configuration means.
 *
 * @module
 */
import { architecture, type ModelConfig } from "./architectures.ts";
import { methodNamed } from "./methods/methods.ts";

/** What of a configuration makes the model. */
export interface ModelChoice {
  /** The architecture's name. */
  arch: string;
  /** What the network has otherwise. */
  model?: Partial<ModelConfig>;
  /** The method's name: EMP-SSL where it is not given. */
  method?: string;
  /** What of its constants is otherwise. */
  methodOptions?: Record<string, number>;
}

/**
 * The model that a configuration means: that of its architecture, with the heads of
 * its method and with what it has of its own.
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
