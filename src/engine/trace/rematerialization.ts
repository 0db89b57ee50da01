/**
 * Values that the backward pass computes again, since that costs less than
 * keeping them in memory until then (gradient checkpointing: Chen, Xu, Zhang and
 * Guestrin, «Training Deep Nets with Sublinear Memory Cost», arXiv 1604.06174).
 *
 * @module
 */
import type { GraphValue } from "./graph.ts";

/**
 * Appends the nodes of a value once more, to run after the nodes in
 * `dependencies`.
 */
export type Recompute = (dependencies: string[]) => GraphValue;

/** A control dependency on the node of a value. */
export function controlDependency({ name }: GraphValue): string {
  return `^${name.split(":")[0]}`;
}

/** How values of one graph are computed again. */
export class Rematerialization {
  #keepsAll: boolean;
  #recompute = new Map<string, Recompute>();
  #recomputed = new Map<string, GraphValue>();

  /** @param keepsAll Whether all values stay in memory, which is faster. */
  constructor(keepsAll = false) {
    this.#keepsAll = keepsAll;
  }

  /** Says how a value can be computed again. */
  register(value: GraphValue, recompute: Recompute): void {
    if (!this.#keepsAll) this.#recompute.set(value.name, recompute);
  }

  /** How a value can be computed again; nothing where it has to be kept. */
  recomputeOf({ name }: GraphValue): Recompute | undefined {
    return this.#recompute.get(name);
  }

  /**
   * The value as the backward pass reads it: computed again, once, after the
   * gradient that it is first used with; or the value itself.
   */
  forBackward(value: GraphValue, gradient: GraphValue): GraphValue {
    const recompute = this.#recompute.get(value.name);
    if (recompute === undefined) return value;
    let again = this.#recomputed.get(value.name);
    if (again === undefined) {
      again = recompute([controlDependency(gradient)]);
      this.#recomputed.set(value.name, again);
    }
    return again;
  }
}
