/**
 * The variables of a traced graph: what a run starts from and leaves behind.
 *
 * @module
 */
import type { Scope } from "../../model/layers.ts";
import { isTrainable, type TensorSpec } from "../../model/parameters.ts";
import type { TraceBackend } from "./backend.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { NODES, readNode, restoredNode, restoreNode } from "./names.ts";

/** A variable: its handle, the value at the start of a run, its restoring. */
export interface Variable {
  handle: GraphValue;
  value: GraphValue;
  feed: GraphValue;
  assign: string;
}

function variable(
  graph: GraphBuilder,
  name: string,
  shape: number[],
): Variable {
  const dtype = attr.type(DType.float);
  const handle: GraphValue = {
    name: graph.node("VarHandleOp", [], {
      dtype,
      shape: attr.shape(shape),
      shared_name: attr.text(name),
      container: attr.text(""),
    }, `variable/${name}`),
    dtype: DType.resource,
    shape: [],
  };
  const feed = graph.placeholder(restoreNode(name), DType.float, shape);
  const assign = graph.node("AssignVariableOp", [handle, feed], { dtype });
  const value: GraphValue = {
    name: graph.node("ReadVariableOp", [handle], { dtype }, readNode(name)),
    dtype: DType.float,
    shape,
    variable: true,
  };
  return { handle, value, feed, assign };
}

/** A float scalar that waits for other nodes. */
export function after(
  graph: GraphBuilder,
  value: GraphValue,
  waits: string[],
  name: string,
): GraphValue {
  const float = graph.cast(value, DType.float);
  graph.node("Identity", [float, ...waits.map((node) => `^${node}`)], {
    T: attr.type(DType.float),
  }, name);
  return { name, dtype: DType.float, shape: value.shape };
}

/** Declares the variables and the signatures that restore and clear them. */
export function declare(
  graph: GraphBuilder,
  specs: TensorSpec[],
  ofTrainable: ((name: string) => string)[] = [],
): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  for (const { name, shape } of specs) {
    variables.set(name, variable(graph, name, shape));
  }
  for (const nameOf of ofTrainable) {
    for (const { name, shape } of specs.filter(isTrainable)) {
      variables.set(nameOf(name), variable(graph, nameOf(name), shape));
    }
  }
  for (const [name, { feed, assign }] of variables) {
    const done = after(graph, graph.scalar(1), [assign], restoredNode(name));
    graph.signature(`restore/${name}`, [feed], [done]);
  }
  const zeros = [...variables].slice(specs.length).map(([_, v]) =>
    graph.node("AssignVariableOp", [v.handle, graph.fill(v.value.shape, 0)], {
      dtype: attr.type(DType.float),
    })
  );
  const zeroed = after(graph, graph.scalar(1), zeros, NODES.zeroed);
  graph.signature("zero", [], [zeroed]);
  graph.signature("read", [], [...variables.values()].map((v) => v.value));
  return variables;
}

/** Tensors of the model over their variables. */
export function tensorsOf(
  backend: TraceBackend,
  specs: TensorSpec[],
  variables: Map<string, Variable>,
): Scope["tensors"] {
  return Object.fromEntries(specs.map(({ name }) => [
    name,
    backend.tensor(variables.get(name)!.value),
  ]));
}
