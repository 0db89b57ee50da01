/**
 * The graphs of the trainer and of the encoder, traced by running the functions
 * of `src/model/` once over the tracing backend.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { encode, featureLayer, featureWidth } from "../../model/encoder.ts";
import { foldedSpecs } from "../../model/fold_batch_norms.ts";
import { scopeOf } from "../../model/layers.ts";
import { methodOf } from "../../model/methods/methods.ts";
import { keptSpecs, tensorSpecs } from "../../model/parameters.ts";
import { isTrainable } from "../../model/tensors.ts";
import type { EncoderOptions, TrainerOptions } from "../engine.ts";
import type { GraphBuilder, GraphValue } from "./graph.ts";
import { traceMicroBatchStep } from "./micro_batch_graph.ts";
import { momentumName, NODES } from "./names.ts";
import { patchInput, patchPlaceholder, traceReplicas } from "./step_parts.ts";
import {
  assignAll,
  countStopRequests,
  followTargets,
  meanOverReplicas,
  optimize,
  sumOverReplicas,
} from "./step_updates.ts";
import { trace, type TraceSettings } from "./trace.ts";
import { declare, output, tensorsOf } from "./variables.ts";

/**
 * Traces one optimisation step: forward, loss, backward, LARS, SGD, batch norm
 * running statistics and the method's state. Its nodes are named in `names.ts`.
 *
 * @param options The model and the batch.
 * @param settings How to trace it.
 */
export function traceWholeStep(
  options: TrainerOptions,
  settings: TraceSettings,
): GraphBuilder {
  const { model, loss, optimizer, patches: views } = options;
  const method = methodOf(model);
  const specs = tensorSpecs(model), kept = keptSpecs(model);
  const trainable = specs.filter(isTrainable);
  const replicaSettings = { ...settings, patchesAtOnce: views };
  return traceReplicas(options, replicaSettings, (replica) => {
    const { graph, backend, collectives, learningRate } = replica;
    const variables = declare(graph, {
      specs: [...specs, ...kept],
      ofTrainable: [momentumName],
      collectives,
    });
    const tensors = tensorsOf(backend, specs, variables);
    const x = patchInput(backend, replica.patches, options.values);
    const scalars = Object.fromEntries(
      Object.entries(replica.scalars)
        .map(([name, value]) => [name, backend.tensor(value)]),
    );
    collectives?.begin();

    const scope = scopeOf(tensors, true, replica.synced);
    const lossTerms: GraphValue[] = [];
    let keptValues: [name: string, value: GraphValue][] = [];
    const { grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]!);
      const found = method.step({
        scope: { ...scope, tensors: own },
        ...{ x, views, model, loss, scalars },
        kept: tensorsOf(backend, kept, variables),
        gather: (rows, views) => collectives?.gatherImages(rows, views) ?? rows,
      });
      for (const term of [found.loss, found.invariance, found.tcr]) {
        lossTerms.push(backend.value(term));
      }
      output(graph, backend.value(found.gram), [], NODES.gram);
      keptValues = Object.entries(found.kept)
        .map(([name, value]) => [name, backend.value(value)]);
      return found.loss as tf.Scalar;
    })(trainable.map(({ name }) => tensors[name]!));

    const context = { graph, backend, variables, collectives };
    const gradients = sumOverReplicas(
      context,
      grads.map((gradient) => backend.value(gradient)),
    );
    const isStatistic = ([name]: [string, GraphValue]) =>
      /\.running_\w+$/.test(name);
    const statistics = [
      ...Object.entries(scope.updates)
        .map(([name, value]) => [name, backend.value(value)] as const),
      ...keptValues.filter(isStatistic),
    ];
    const statisticValues = meanOverReplicas(
      context,
      statistics.map(([, value]) => value),
      scope,
    );
    const gateOf = (name: string) => scalars[method.gates?.[name] ?? ""];
    const steps = new Map(trainable.map(({ name }, i) => [
      name,
      optimize(context, name, gradients[i]!, learningRate, {
        ...optimizer,
        gate: gateOf(name),
      }),
    ]));
    const rest = keptValues.filter((entry) => !isStatistic(entry));
    const updates = [
      ...steps.values(),
      ...assignAll(context, statistics.map(([name]) => name), statisticValues),
      ...assignAll(
        context,
        rest.map(([name]) => name),
        rest.map(([, value]) => value),
      ),
      ...followTargets(context, steps, scalars.tau),
      ...countStopRequests(context, replica.stop),
    ];
    lossTerms.forEach((term, i) => {
      output(graph, term, updates, NODES.losses[i]!);
    });
  });
}

/**
 * Traces a step: on the whole batch at once, or in micro-batches.
 *
 * @param options The model and the whole batch.
 * @param settings How to trace it.
 */
export function traceStep(
  options: TrainerOptions,
  settings: TraceSettings,
): GraphBuilder {
  const { microBatch } = options;
  return microBatch === undefined
    ? traceWholeStep(options, settings)
    : traceMicroBatchStep(options, {
      ...settings,
      patchesAtOnce: microBatch,
    });
}

/**
 * Traces the features of patches in eval mode, averaged over the patches of an
 * image. The graph's variables are those of {@linkcode foldedSpecs}.
 */
export function traceEncoder(
  options: EncoderOptions,
  settings: TraceSettings,
): GraphBuilder {
  const { model, images, patches, patchSize, values } = options;
  const layer = featureLayer(model, options.features);
  const specs = foldedSpecs(model, layer);
  return trace(settings, (graph, backend) => {
    const preparations = backend.preparations = new Map();
    const variables = declare(graph, { specs });
    const tensors = tensorsOf(backend, specs, variables);
    const shape = [patches * images, patchSize, patchSize, model.channels];
    const feed = patchPlaceholder(graph, shape, values, settings.floats);
    const x = patchInput(backend, feed, values);
    const scope = { ...scopeOf(tensors, false), folded: true };
    const y = encode(scope, x, model, layer);
    const width = featureWidth(model, layer);
    const mean = tf.mean(tf.reshape(y, [patches, images, width]), 0);
    output(graph, backend.value(mean), [], NODES.features);
    const assigned = [...preparations.values()].map((kept) => kept.assigned);
    output(graph, graph.scalar(1), assigned, NODES.prepared);
  });
}
