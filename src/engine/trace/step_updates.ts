/**
 * The parts of a training graph that change its variables, and the sums over replicas
 * that they need.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { larsGradient } from "../../model/lars.ts";
import { type OptimizerConfig } from "../../model/optimizer.ts";
import type { Scope } from "../../model/layers.ts";
import { targetOf } from "../../model/methods/target.ts";
import { isFilter, muonStep } from "../../model/muon.ts";
import { after, attr, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { momentumName, NODES } from "./names.ts";
import type { UpdateContext } from "./step_parts.ts";
import { output } from "./variables.ts";
import { assign } from "./variable.ts";

/** All-reduces a replica's gradients into those of the whole batch. */
export function sumOverReplicas(
  { graph, collectives }: UpdateContext,
  gradients: GraphValue[],
): GraphValue[] {
  if (!collectives) return gradients;
  const wide = gradients.map((value) => graph.cast(value, DType.float));
  return collectives.sumValues(wide);
}

/** The node that counts the replicas whose process asks to stop, if there are any. */
export function countStopRequests(
  { graph, collectives }: UpdateContext,
  stop: GraphValue | undefined,
): string[] {
  if (!collectives || !stop) return [];
  const sum = collectives.sumValue(stop);
  return [output(graph, sum, [], NODES.stopping).name];
}

/**
 * LARS, and SGD as `torch.optim.SGD(nesterov=True)`: buffer ← m·buffer + g, then
 * p ← p − lr·(g + m·buffer); without Nesterov p ← p − lr·buffer. Or Muon.
 *
 * @param optimizer Its constants; `gate` multiplies the gradient: 0 freezes a
 * parameter whose momentum is zero.
 * @returns The node that updates the parameter.
 */
export function optimize(
  { graph, backend, variables }: UpdateContext,
  name: string,
  gradient: GraphValue,
  learningRate: GraphValue,
  { gate, ...optimizer }: OptimizerConfig & { gate?: tf.Tensor },
): string {
  const variable = variables.get(name)!;
  const buffer = variables.get(momentumName(name))!;
  const parameter = backend.tensor(variable.value);
  const g = backend.tensor(graph.cast(gradient, DType.float));
  const rate = backend.tensor(learningRate);
  const { muon: trust } = optimizer;
  if (trust !== undefined && isFilter(parameter)) {
    const options = { ...optimizer, learningRate: rate, trust };
    const momentum = backend.tensor(buffer.value);
    const next = muonStep(parameter, momentum, g, options);
    const kept = assign(graph, buffer, backend.value(next.buffer));
    return assign(graph, variable, backend.value(next.parameter), [kept]);
  }
  const lars = larsGradient(parameter, g, rate, optimizer);
  const scaled = gate ? tf.mul(lars, gate) : lars;
  return graph.node("ResourceApplyMomentum", [
    variable.handle,
    buffer.handle,
    learningRate,
    backend.value(scaled),
    graph.scalar(optimizer.momentum),
  ], {
    T: attr.type(DType.float),
    use_locking: attr.bool(false),
    use_nesterov: attr.bool(optimizer.nesterov ?? true),
  });
}

/** The mean of the batch norm running statistics over the replicas. */
export function meanOverReplicas(
  { graph, collectives }: UpdateContext,
  statistics: GraphValue[],
  { replicas }: Scope,
): GraphValue[] {
  // With synchronised batch norms the replicas have equal statistics.
  if (!collectives || replicas) return statistics;
  const factor = graph.scalar(1 / collectives.count);
  return collectives.sumValues(statistics).map((sum) =>
    graph.value("Mul", [sum, factor], sum.shape)
  );
}

/** The nodes that assign values to variables. */
export function assignAll(
  { graph, variables }: UpdateContext,
  names: string[],
  values: GraphValue[],
): string[] {
  return names.map((name, i) =>
    assign(graph, variables.get(name)!, values[i]!)
  );
}

/**
 * Exponential moving averages: target ← τ·target + (1 − τ)·parameter, computed
 * after the update of the parameters.
 *
 * @param steps The node that updates each parameter.
 * @param tau τ.
 * @returns The nodes that update the targets.
 */
export function followTargets(
  { graph, backend, variables }: UpdateContext,
  steps: Map<string, string>,
  tau: tf.Tensor | undefined,
): string[] {
  return [...steps].flatMap(([name, step]) => {
    const target = variables.get(targetOf(name));
    if (target === undefined) return [];
    const { handle, value } = variables.get(name)!;
    const updated: GraphValue = {
      name: graph.node("ReadVariableOp", [handle, ...after([step])], {
        dtype: attr.type(DType.float),
      }),
      dtype: DType.float,
      shape: value.shape,
    };
    const by = backend.value(tau!);
    const old = graph.value("Mul", [target.value, by], value.shape);
    const rest = graph.value("Sub", [graph.scalar(1), by], []);
    const fresh = graph.value("Mul", [updated, rest], value.shape);
    const sum = graph.value("AddV2", [old, fresh], value.shape);
    return [assign(graph, target, sum)];
  });
}
