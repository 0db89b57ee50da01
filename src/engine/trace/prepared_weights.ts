/**
 * Values that depend on weights alone, such as their cast to bf16: an encoder, whose
 * weights stay as they are, computes them once and keeps them in variables, where a
 * training step computes them anew.
 *
 * @module
 */
import type { GraphBuilder, GraphValue } from "./graph.ts";
import { assign, variable } from "./variable.ts";

/** The kept values by the names of what they keep, and the nodes that compute them. */
export type Preparations = Map<string, { value: GraphValue; assigned: string }>;

/** A graph, and what is prepared for it; undefined in a training step. */
export interface WithGraph {
  graph: GraphBuilder;
  preparations?: Preparations;
}

/** The value, or the variable that keeps it. */
export function prepared(backend: WithGraph, value: GraphValue): GraphValue {
  const { graph, preparations } = backend;
  if (preparations === undefined || value.variable) return value;
  const known = preparations.get(value.name);
  if (known !== undefined) return known.value;
  const { dtype, shape } = value;
  const kept = variable(graph, `prepared/${value.name}`, shape, dtype);
  preparations.set(value.name, {
    value: kept.value,
    assigned: assign(graph, kept, value),
  });
  return kept.value;
}
