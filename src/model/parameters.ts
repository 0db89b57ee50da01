/**
 * The tensors of a model: those of its backbone, then those of its method's heads.
 *
 * @module
 */
import type { ModelConfig } from "./architectures.ts";
import { blocksOf, type ConvSpec, stemOf } from "./blocks.ts";
import { methodOf } from "./methods/methods.ts";
import { sourceOf, targetOf } from "./methods/target.ts";
import {
  convSpec,
  normSpecs,
  sizeOf,
  type State,
  type TensorSpec,
} from "./tensors.ts";

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

/** The tensors that a model's method keeps beside the network. */
export function keptSpecs(config: ModelConfig): TensorSpec[] {
  const method = methodOf(config), parts = method.target ?? [];
  const copies = tensorSpecs(config)
    .filter(({ name }) => parts.some((part) => name.startsWith(part)))
    .map((spec) => ({ ...spec, name: targetOf(spec.name), kept: true }));
  return [...copies, ...method.kept?.(config) ?? []];
}

/** The first values of {@linkcode keptSpecs}: targets begin as copies. */
export function initialKept(
  config: ModelConfig,
  state: State,
  seed: number,
): State {
  const first = methodOf(config).initial?.(config, seed);
  return new Map(
    keptSpecs(config).map(({ name, shape }) => [
      name,
      first?.get(name) ?? state.get(sourceOf(name)) ??
        new Float32Array(sizeOf(shape)),
    ]),
  );
}
