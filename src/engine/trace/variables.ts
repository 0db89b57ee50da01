/**
 * The variables of a traced model, and the nodes that read, restore and clear them.
 *
 * @module
 */
import type { Scope } from "../../model/layers.ts";
import { isTrainable, type TensorSpec } from "../../model/tensors.ts";
import type { TraceBackend } from "./backend.ts";
import type { Collectives } from "./collectives.ts";
import { after, attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { NODES, restoredNode, restoreNode } from "./names.ts";
import { assign, type Variable, variable } from "./variable.ts";

/**
 * A named output of the graph: a value as float, computed after the nodes in
 * `dependencies`.
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
    [float, ...after(dependencies)],
    { T: attr.type(DType.float) },
    name,
  );
  return { name: node, dtype: DType.float, shape: value.shape };
}

/** The node that sets a variable to zero, after the nodes in `dependencies`. */
export function clear(
  graph: GraphBuilder,
  variable: Variable,
  dependencies: string[] = [],
): string {
  const { shape } = variable.value;
  const zeros = graph.node("Fill", [
    graph.ints(shape),
    graph.scalar(0),
    ...after(dependencies),
  ], { T: attr.type(DType.float), index_type: attr.type(DType.int32) });
  const value = { name: zeros, dtype: DType.float, shape };
  return assign(graph, variable, value);
}

/** What {@linkcode declare} makes variables for. */
interface Declared {
  /** The tensors of the model. */
  specs: TensorSpec[];
  /** Names of further variables for each trainable tensor, such as its momentum. */
  ofTrainable?: ((name: string) => string)[];
  /** Shapes, by name, of values passed between runs that are never read out. */
  scratch?: Record<string, number[]>;
  /** The collective operations that broadcast the first values to all replicas. */
  collectives?: Collectives;
}

/**
 * The node that broadcasts the variables of the restored replica to all: the
 * others hold zeros, so the all-reduced sum equals the restored values.
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
 * Declares the variables and the nodes that read them and restore them (scratch
 * variables are not restored). {@linkcode NODES.zeroed} sets all but the model's to
 * zero; with replicas, the model's too.
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

/** The model's tensors, which read their variables. */
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
