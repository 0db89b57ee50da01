/**
 * The graphs of the trainer and of the encoder: the functions of `src/model/`
 * run once over the tracing backend.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { embed, encode } from "../../model/encoder.ts";
import { scopeOf } from "../../model/layers.ts";
import { empSslLoss } from "../../model/loss.ts";
import { isTrainable, tensorSpecs } from "../../model/parameters.ts";
import type { TrainerOptions } from "../engine.ts";
import type { GraphBuilder, GraphValue } from "./graph.ts";
import { traceMicroBatchTrainer } from "./micro_batch_graph.ts";
import { momentumOf, NODES } from "./names.ts";
import {
  askWhoStops,
  assignAll,
  meanOfReplicas,
  ofAllReplicas,
  optimize,
  patchFeed,
  patchInput,
  traceParts,
} from "./step_parts.ts";
import { trace, type TraceSettings } from "./trace.ts";
import { after, declare, tensorsOf } from "./variables.ts";

/**
 * Traces one optimisation step: forward, loss, backward, LARS, SGD, running
 * statistics. Signatures: `restore/…`, `zero`, `read`, `train`.
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
  return traceParts(options, { ...settings, patches }, (part) => {
    const { graph, backend, collectives, rate, feed } = part;
    const variables = declare(graph, {
      specs,
      ofTrainable: [momentumOf],
      collectives,
    });
    const tensors = tensorsOf(backend, specs, variables);
    const x = patchInput(backend, part.patches);
    collectives?.begin();

    const scope = scopeOf(tensors, true, part.synced);
    const parts: tf.Tensor[] = [];
    let gram: GraphValue | undefined;
    const { grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]);
      const z = embed({ ...scope, tensors: own }, x, model);
      const all = collectives?.gatherImages(z, patches) ?? z;
      const losses = empSslLoss(all, { ...loss, patches });
      parts.push(losses.loss, losses.invariance, losses.tcr);
      gram = after(graph, backend.value(losses.gram), [], NODES.gram);
      after(graph, backend.value(all), [], NODES.z);
      return losses.loss as tf.Scalar;
    })(trainable.map(({ name }) => tensors[name]));

    const context = { graph, backend, variables, collectives };
    const gradients = ofAllReplicas(
      context,
      grads.map((gradient) => backend.value(gradient)),
    );
    const statistics = Object.keys(scope.updates);
    const kept = meanOfReplicas(
      context,
      statistics.map((name) => backend.value(scope.updates[name])),
      scope,
    );
    const updates = [
      ...trainable.map(({ name }, i) =>
        optimize(context, name, gradients[i], rate, optimizer)
      ),
      ...assignAll(context, statistics, kept),
      ...askWhoStops(context, part.stop),
    ];
    const outputs = parts.map((part, i) =>
      after(graph, backend.value(part), updates, NODES.losses[i])
    );
    graph.signature("train", [feed, rate], [...outputs, gram!]);
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
    : traceMicroBatchTrainer(options, { ...settings, patches: microBatch });
}

/**
 * Traces the features of patches in eval mode, averaged over the patches of an
 * image. Signatures: `restore/…`, `read`, `encode`.
 */
export function traceEncoder(
  options: Pick<TrainerOptions, "model" | "images" | "patches" | "patchSize">,
  settings: TraceSettings,
): Uint8Array {
  const { model, images, patches, patchSize } = options;
  const specs = tensorSpecs(model);
  return trace(settings, (graph, backend) => {
    const variables = declare(graph, { specs });
    const tensors = tensorsOf(backend, specs, variables);
    const shape = [patches * images, patchSize, patchSize, 3];
    const feed = patchFeed(graph, shape, settings.floats);
    const x = patchInput(backend, feed);
    const y = encode(scopeOf(tensors, false), x, model);
    const mean = tf.mean(tf.reshape(y, [patches, images, model.hidden]), 0);
    const output = after(graph, backend.value(mean), [], NODES.features);
    graph.signature("encode", [feed], [output]);
  }).finish();
}
