/** Small graphs for tests. */
import {
  attr,
  GraphBuilder,
  type GraphValue,
} from "../../src/engine/trace/graph.ts";
import { DType } from "../../src/engine/trace/messages.ts";

/** A graph with one output, `y`, of some operations on `x`. */
export function graphOf(
  shape: number[],
  build: (graph: GraphBuilder, x: GraphValue) => GraphValue,
): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const x = graph.placeholder("x", DType.float, shape);
  graph.node(
    "Identity",
    [build(graph, x)],
    { T: attr.type(DType.float) },
    "y",
  );
  return graph.graphDef();
}
