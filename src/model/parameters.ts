/**
 * The tensors of a model: first the backbone's, then those of the method's heads.
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

/** The tensors of the ResNet, including running statistics. */
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

/** All tensors of a model, including running statistics, in PyTorch's order. */
export function tensorSpecs(config: ModelConfig): TensorSpec[] {
  return [...backboneSpecs(config), ...methodOf(config).heads(config)];
}

/** The method's state besides the network: target network and queues. */
export function keptSpecs(config: ModelConfig): TensorSpec[] {
  const method = methodOf(config), parts = method.target ?? [];
  const copies = tensorSpecs(config)
    .filter(({ name }) => parts.some((part) => name.startsWith(part)))
    .map((spec) => ({ ...spec, name: targetOf(spec.name), kept: true }));
  return [...copies, ...method.kept?.(config) ?? []];
}

/**
 * Initial values of {@linkcode keptSpecs}: a target starts as a copy of the network.
 *
 * @param given Values that are used instead, such as those of a checkpoint.
 */
export function initialKept(
  config: ModelConfig,
  state: State,
  seed: number,
  given: State = new Map(),
): State {
  // A queue of random rows is not made where it is given: it takes a second.
  const names = keptSpecs(config).map(({ name }) => name);
  const first = names.every((name) => given.has(name))
    ? undefined
    : methodOf(config).initial?.(config, seed);
  return new Map(
    keptSpecs(config).map(({ name, shape }) => [
      name,
      given.get(name) ?? first?.get(name) ?? state.get(sourceOf(name)) ??
        new Float32Array(sizeOf(shape)),
    ]),
  );
}
