/**
 * Target networks: copies of some of the network, whose parameters follow its own
 * by an exponential moving average («Bootstrap Your Own Latent», section 3.1).
 *
 * @module
 */
import type * as tf from "../../deps/tfjs.ts";
import type { Scope } from "../layers.ts";
import type { Progress } from "./method.ts";

const PREFIX = "target.";

/** The name of the copy of a tensor. */
export const targetOf = (name: string) => PREFIX + name;

/** The name of the tensor that a copy is of; any other name stays. */
export const sourceOf = (name: string) =>
  name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;

/**
 * τ by step: from `base` to 1 by a cosine. The first update has `base`.
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

/** A scope over the copies, which batch norms see in training mode. */
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

/** The running statistics that a pass over the copies has left. */
export function targetStatistics(
  { updates }: Scope,
): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries<tf.Tensor>(updates)
      .map(([name, value]) => [targetOf(name), value]),
  );
}
