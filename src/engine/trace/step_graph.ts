/**
 * The graphs of the trainer and of the encoder: the functions of `src/model/`
 * run once over the tracing backend.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { embed, encode } from "../../model/encoder.ts";
import { foldedSpecs } from "../../model/fold_batch_norms.ts";
import { scopeOf } from "../../model/layers.ts";
import { empSslLoss } from "../../model/loss.ts";
import { tensorSpecs } from "../../model/parameters.ts";
import { isTrainable } from "../../model/tensors.ts";
import type { EncoderOptions, TrainerOptions } from "../engine.ts";
import type { GraphBuilder } from "./graph.ts";
import { traceMicroBatchTrainer } from "./micro_batch_graph.ts";
import { momentumOf, NODES } from "./names.ts";
import {
  assignAll,
  countStopRequests,
  meanOverReplicas,
  optimize,
  patchFeed,
  patchInput,
  sumOverReplicas,
  traceReplicas,
} from "./step_parts.ts";
import { trace, type TraceSettings } from "./trace.ts";
import { declare, output, tensorsOf } from "./variables.ts";

/**
 * Traces one optimisation step: forward, loss, backward, LARS, SGD, running
 * statistics. It is run by the names in `names.ts`.
 *
 * @param options The model and the batch.
 * @param settings How to trace it.
 */
export function traceTrainer(
  options: TrainerOptions,
  settings: TraceSettings,
): GraphBuilder {
  const { model, loss, optimizer, patches } = options;
  const specs = tensorSpecs(model);
  const trainable = specs.filter(isTrainable);
  const replicaSettings = { ...settings, patchesAtOnce: patches };
  return traceReplicas(options, replicaSettings, (replica) => {
    const { graph, backend, collectives, learningRate } = replica;
    const variables = declare(graph, {
      specs,
      ofTrainable: [momentumOf],
      collectives,
    });
    const tensors = tensorsOf(backend, specs, variables);
    const x = patchInput(backend, replica.patches, options.values);
    collectives?.begin();

    const scope = scopeOf(tensors, true, replica.synced);
    const lossTerms: tf.Tensor[] = [];
    const { grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]!);
      const z = embed({ ...scope, tensors: own }, x, model);
      const all = collectives?.gatherImages(z, patches) ?? z;
      const losses = empSslLoss(all, { ...loss, patches });
      lossTerms.push(losses.loss, losses.invariance, losses.tcr);
      output(graph, backend.value(losses.gram), [], NODES.gram);
      output(graph, backend.value(all), [], NODES.z);
      return losses.loss as tf.Scalar;
    })(trainable.map(({ name }) => tensors[name]!));

    const context = { graph, backend, variables, collectives };
    const gradients = sumOverReplicas(
      context,
      grads.map((gradient) => backend.value(gradient)),
    );
    const statistics = Object.keys(scope.updates);
    const statisticValues = meanOverReplicas(
      context,
      statistics.map((name) => backend.value(scope.updates[name]!)),
      scope,
    );
    const updates = [
      ...trainable.map(({ name }, i) =>
        optimize(context, name, gradients[i]!, learningRate, optimizer)
      ),
      ...assignAll(context, statistics, statisticValues),
      ...countStopRequests(context, replica.stop),
    ];
    lossTerms.forEach((term, i) => {
      output(graph, backend.value(term), updates, NODES.losses[i]!);
    });
  });
}

/**
 * Traces the step that some options ask for: at once, or in micro-batches.
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
    ? traceTrainer(options, settings)
    : traceMicroBatchTrainer(options, {
      ...settings,
      patchesAtOnce: microBatch,
    });
}

/**
 * Traces the features of patches in eval mode, averaged over the patches of an
 * image. Its variables are those of {@linkcode foldedSpecs}.
 */
export function traceEncoder(
  options: EncoderOptions,
  settings: TraceSettings,
): GraphBuilder {
  const { model, images, patches, patchSize, values } = options;
  const specs = foldedSpecs(model);
  return trace(settings, (graph, backend) => {
    const variables = declare(graph, { specs });
    const tensors = tensorsOf(backend, specs, variables);
    const shape = [patches * images, patchSize, patchSize, model.channels];
    const feed = patchFeed(graph, shape, values, settings.floats);
    const x = patchInput(backend, feed, values);
    const scope = { ...scopeOf(tensors, false), folded: true };
    const y = encode(scope, x, model);
    const mean = tf.mean(tf.reshape(y, [patches, images, model.hidden]), 0);
    output(graph, backend.value(mean), [], NODES.features);
  });
}
