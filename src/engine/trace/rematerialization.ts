/**
 * Activations that the backward pass recomputes, since that costs less than
 * holding them in memory (gradient checkpointing: Chen, Xu, Zhang and Guestrin,
 * «Training Deep Nets with Sublinear Memory Cost», arXiv 1604.06174).
 *
 * @module
 */
import { type GraphValue, nodeOf } from "./graph.ts";

/**
 * Appends the nodes of a value once more, to run after the nodes in
 * `dependencies`.
 */
export type Recompute = (dependencies: string[]) => GraphValue;

/** How activations of one graph are recomputed. */
export class Rematerialization {
  #keepsAll: boolean;
  #recompute = new Map<string, Recompute>();
  #recomputed = new Map<string, GraphValue>();

  /** @param keepsAll Whether all activations stay in memory, which is faster. */
  constructor(keepsAll = false) {
    this.#keepsAll = keepsAll;
  }

  /** Registers how a value can be recomputed. */
  register(value: GraphValue, recompute: Recompute): void {
    if (!this.#keepsAll) this.#recompute.set(value.name, recompute);
  }

  /** How a value can be recomputed; undefined if it has to stay in memory. */
  recomputeOf({ name }: GraphValue): Recompute | undefined {
    return this.#recompute.get(name);
  }

  /**
   * The value that the backward pass reads: the value itself, or its recomputation,
   * which runs once, after the gradient with which it is first used.
   */
  forBackward(value: GraphValue, gradient: GraphValue): GraphValue {
    const recompute = this.#recompute.get(value.name);
    if (recompute === undefined) return value;
    let again = this.#recomputed.get(value.name);
    if (again === undefined) {
      again = recompute([nodeOf(gradient)]);
      this.#recomputed.set(value.name, again);
    }
    return again;
  }
}
