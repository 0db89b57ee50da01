/**
 * Values that the backward pass makes again, since that costs less than keeping
 * them in memory until then (Chen, Xu, Zhang and Guestrin, «Training Deep Nets
 * with Sublinear Memory Cost», arXiv 1604.06174).
 *
 * @module
 */
import type { GraphValue } from "./graph.ts";

/** Appends the nodes of a value once more, behind the nodes in `waits`. */
export type Make = (waits: string[]) => GraphValue;

/** The node of a value, as a control dependency. */
export function waitFor({ name }: GraphValue): string {
  return `^${name.split(":")[0]}`;
}

/** How values of one graph are made again. */
export class MadeAgain {
  #makers = new Map<string, Make>();
  #made = new Map<string, GraphValue>();

  /** Says how a value can be made again. */
  offer(value: GraphValue, make: Make): void {
    this.#makers.set(value.name, make);
  }

  /** How a value can be made again, where that was said. */
  maker({ name }: GraphValue): Make | undefined {
    return this.#makers.get(name);
  }

  /**
   * The value for the backward pass: made again, once, after the gradient that
   * it is first used with; or itself.
   */
  take(value: GraphValue, gradient: GraphValue): GraphValue {
    const make = this.#makers.get(value.name);
    if (make === undefined) return value;
    let again = this.#made.get(value.name);
    if (again === undefined) {
      this.#made.set(value.name, again = make([waitFor(gradient)]));
    }
    return again;
  }
}
