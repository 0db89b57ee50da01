/**
 * The variables of a traced graph: what a run starts from and leaves behind.
 *
 * @module
 */
import type { Scope } from "../../model/layers.ts";
import { isTrainable, type TensorSpec } from "../../model/tensors.ts";
import type { TraceBackend } from "./backend.ts";
import type { Collectives } from "./collectives.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { NODES, readNode, restoredNode, restoreNode } from "./names.ts";

/** A variable: its handle, and its value at the start of a run. */
export interface Variable {
  handle: GraphValue;
  value: GraphValue;
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
      shared_name: attr.text(graph.place.prefix + name),
      container: attr.text(""),
    }, `variable/${name}`),
    dtype: DType.resource,
    shape: [],
  };
  const value: GraphValue = {
    name: graph.node("ReadVariableOp", [handle], { dtype }, readNode(name)),
    dtype: DType.float,
    shape,
    variable: true,
  };
  return { handle, value };
}

/** The node that gives a variable a value. */
export function assign(
  graph: GraphBuilder,
  { handle }: Variable,
  value: GraphValue,
): string {
  return graph.node("AssignVariableOp", [handle, value], {
    dtype: attr.type(DType.float),
  });
}

/**
 * An output of the graph: a float value under a name of its own, which is there
 * once some other nodes have run.
 */
export function output(
  graph: GraphBuilder,
  value: GraphValue,
  dependencies: string[],
  name: string,
): GraphValue {
  const float = graph.cast(value, DType.float);
  const node = graph.node(
    "Identity",
    [float, ...dependencies.map((node) => `^${node}`)],
    { T: attr.type(DType.float) },
    name,
  );
  return { name: node, dtype: DType.float, shape: value.shape };
}

/** The node that makes a variable zero, once some others have run. */
export function clear(
  graph: GraphBuilder,
  variable: Variable,
  dependencies: string[] = [],
): string {
  const { shape } = variable.value;
  const zeros = graph.node("Fill", [
    graph.ints(shape),
    graph.scalar(0),
    ...dependencies.map((node) => `^${node}`),
  ], { T: attr.type(DType.float), index_type: attr.type(DType.int32) });
  const value = { name: zeros, dtype: DType.float, shape };
  return assign(graph, variable, value);
}

/** What a graph has variables for. */
interface Declared {
  /** The tensors of the model. */
  specs: TensorSpec[];
  /** One more for each trainable tensor, by its name. */
  ofTrainable?: ((name: string) => string)[];
  /** Shapes of what one run leaves to the next, by name; never read out. */
  scratch?: Record<string, number[]>;
  /** Where other replicas get their first values from this one. */
  collectives?: Collectives;
}

/**
 * The node that copies the variables of the replica that was restored to all:
 * the others hold zeros, so that the sum over the replicas is its value.
 */
function broadcastVariables(
  graph: GraphBuilder,
  variables: Variable[],
  collectives: Collectives,
): void {
  collectives.begin();
  const sums = collectives.sumValues(variables.map(({ value }) => value));
  const assigned = variables.map((v, i) => assign(graph, v, sums[i]!));
  output(graph, graph.scalar(1), assigned, NODES.broadcast);
}

/**
 * Declares the variables, the nodes that restore and read each, and the one that
 * sets all but the model's to zero; all of them where there are replicas.
 */
export function declare(
  graph: GraphBuilder,
  { specs, ofTrainable = [], scratch = {}, collectives }: Declared,
): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  const add = (name: string, shape: number[]) => {
    const added = variable(graph, name, shape);
    variables.set(name, added);
    return added;
  };
  const zeros: string[] = [];
  for (const { name, shape } of specs) {
    const added = add(name, shape);
    if (collectives) zeros.push(clear(graph, added));
  }
  for (const variableOf of ofTrainable) {
    for (const { name, shape } of specs.filter(isTrainable)) {
      zeros.push(clear(graph, add(variableOf(name), shape)));
    }
  }
  for (const [name, restored] of variables) {
    const { shape } = restored.value;
    const feed = graph.placeholder(restoreNode(name), DType.float, shape);
    const assigned = [assign(graph, restored, feed)];
    output(graph, graph.scalar(1), assigned, restoredNode(name));
  }
  if (collectives) {
    broadcastVariables(graph, [...variables.values()], collectives);
  }
  for (const [name, shape] of Object.entries(scratch)) {
    zeros.push(clear(graph, add(name, shape)));
  }
  output(graph, graph.scalar(1), zeros, NODES.zeroed);
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
