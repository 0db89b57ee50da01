/**
 * A variable of a traced graph, which keeps its value between session runs.
 *
 * @module
 */
import { after, attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType, type DTypeNumber } from "./messages.ts";
import { readNode } from "./names.ts";

/** A variable: its handle, and its value at the start of a run. */
export interface Variable {
  handle: GraphValue;
  value: GraphValue;
}

/** Declares a variable, and the node that reads it. */
export function variable(
  graph: GraphBuilder,
  name: string,
  shape: number[],
  type: DTypeNumber = DType.float,
): Variable {
  const dtype = attr.type(type);
  const handle: GraphValue = {
    name: graph.node("VarHandleOp", [], {
      dtype,
      shape: attr.shape(shape),
      shared_name: attr.text(graph.place.prefix + name),
      container: attr.text(""),
    }, `variable/${name}`),
    dtype: DType.resource,
    shape: [],
  };
  const value: GraphValue = {
    name: graph.node("ReadVariableOp", [handle], { dtype }, readNode(name)),
    dtype: type,
    shape,
    variable: true,
  };
  return { handle, value };
}

/** The node that assigns a value to a variable, after the nodes in `dependencies`. */
export function assign(
  graph: GraphBuilder,
  { handle }: Variable,
  value: GraphValue,
  dependencies: string[] = [],
): string {
  const inputs = [handle, value, ...after(dependencies)];
  const attributes = { dtype: attr.type(value.dtype) };
  return graph.node("AssignVariableOp", inputs, attributes);
}
