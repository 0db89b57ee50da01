/**
 * Values of a graph that are filled once and then read, so that a measured run
 * computes nothing but what is measured.
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

  /** In a graph. */
  constructor(graph: GraphBuilder) {
    this.#graph = graph;
  }

  /** A value of one number, by its name. */
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

  /** Ends the graph with a node that fills all: it is run once, first. */
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
