/**
 * The tensors of a model: those of its backbone, then those of its method's heads.
 *
 * @module
 */
import type { ModelConfig } from "./architectures.ts";
import { blocksOf, type ConvSpec, stemOf } from "./blocks.ts";
import { methodOf } from "./methods/methods.ts";
import { convSpec, normSpecs, type TensorSpec } from "./tensors.ts";

/** The tensors of the ResNet, running statistics among them. */
export function backboneSpecs(config: ModelConfig): TensorSpec[] {
  const normalized = ({ names, side, input, output }: ConvSpec) => [
    convSpec(names[0], side, input, output),
    ...normSpecs(names[1], output),
  ];
  return [
    ...normalized(stemOf(config)),
    ...blocksOf(config).flatMap(({ convs, shortcut }) =>
      [...convs, ...shortcut ? [shortcut] : []].flatMap(normalized)
    ),
  ];
}

/** All tensors of a model, running statistics among them, in PyTorch's order. */
export function tensorSpecs(config: ModelConfig): TensorSpec[] {
  return [...backboneSpecs(config), ...methodOf(config).heads(config)];
}
