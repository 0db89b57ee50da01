/**
 * Values that depend on weights alone, such as their cast to bf16: an encoder, whose
 * weights stay as they are, computes them once and keeps them in variables, where a
 * training step computes them anew.
 *
 * @module
 */
import type { TraceBackend } from "./backend.ts";
import type { GraphValue } from "./graph.ts";
import { assign, variable } from "./variables.ts";

/** A graph, and what is prepared for it. */
export type WithGraph = Pick<TraceBackend, "graph" | "preparations">;

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
