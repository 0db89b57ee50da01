/**
 * Variables of a graph that are filled once and then only read, so that a timed run
 * computes nothing else than what is measured.
 *
 * @module
 */
import {
  attr,
  type GraphBuilder,
  type GraphValue,
} from "../../src/engine/trace/graph.ts";
import { DType, type DTypeNumber } from "../../src/engine/trace/messages.ts";

/** See the module's description. */
export class HeldValues {
  #graph: GraphBuilder;
  #values = new Map<string, GraphValue>();
  #writes: string[] = [];

  /** Adds the variables to `graph`. */
  constructor(graph: GraphBuilder) {
    this.#graph = graph;
  }

  /** A tensor filled with one number; the same tensor for the same name. */
  hold(
    name: string,
    { shape, dtype, value }: {
      shape: number[];
      dtype: DTypeNumber;
      value: number;
    },
  ): GraphValue {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const graph = this.#graph, own = { dtype: attr.type(dtype) };
    const handle: GraphValue = {
      name: graph.node("VarHandleOp", [], {
        ...own,
        shape: attr.shape(shape),
        shared_name: attr.text(name),
        container: attr.text(""),
      }),
      dtype: DType.resource,
      shape: [],
    };
    const filled = graph.cast(graph.fill(shape, value), dtype);
    this.#writes.push(graph.node("AssignVariableOp", [handle, filled], own));
    const held = {
      name: graph.node("ReadVariableOp", [handle], own),
      dtype,
      shape,
    };
    this.#values.set(name, held);
    return held;
  }

  /** Adds a node that fills all variables, which has to be run once before the others. */
  finish(name: string): void {
    const graph = this.#graph;
    graph.node(
      "Identity",
      [graph.scalar(1), ...this.#writes.map((write) => `^${write}`)],
      { T: attr.type(DType.float) },
      name,
    );
  }
}
