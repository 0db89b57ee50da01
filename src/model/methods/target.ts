/**
 * Target networks: copies of parts of the network, whose parameters are exponential
 * moving averages of the network's («Bootstrap Your Own Latent», section 3.1).
 *
 * @module
 */
import type * as tf from "../../deps/tfjs.ts";
import type { Scope } from "../layers.ts";
import type { Progress } from "./method.ts";

const PREFIX = "target.";

/** The name of a tensor's copy in the target network. */
export const targetOf = (name: string) => PREFIX + name;

/** The name of the tensor that a copy belongs to; other names are unchanged. */
export const sourceOf = (name: string) =>
  name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;

/**
 * τ by step: a cosine from `base`, at the first update, to 1.
 *
 * @example Half-way it is half-way
 * ```ts
 * import { tau } from "./target.ts";
 *
 * const half = tau(0.99, { step: 50, steps: 100, stepsPerEpoch: 10 });
 * console.assert(Math.abs(half - 0.995) < 1e-12);
 * ```
 */
export function tau(base: number, { step, steps }: Progress): number {
  return 1 - (1 - base) * (Math.cos(Math.PI * step / steps) + 1) / 2;
}

/** A scope over the target network's tensors, with batch norms in training mode. */
export function targetScope(
  scope: Scope,
  kept: Record<string, tf.Tensor>,
): Scope {
  const tensors = Object.fromEntries(
    Object.keys(scope.tensors).flatMap((name) => {
      const copy = kept[targetOf(name)];
      return copy ? [[name, copy]] : [];
    }),
  );
  return { ...scope, tensors, updates: {} };
}

/** The running statistics after a forward pass of the target network. */
export function targetStatistics(
  { updates }: Scope,
): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries<tf.Tensor>(updates)
      .map(([name, value]) => [targetOf(name), value]),
  );
}
