/**
 * The graph of a training step in micro-batches.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { embed } from "../../model/encoder.ts";
import { scopeOf } from "../../model/layers.ts";
import { empSslLoss, type Losses } from "../../model/loss.ts";
import { tensorSpecs } from "../../model/parameters.ts";
import { isTrainable } from "../../model/tensors.ts";
import type { TrainerOptions } from "../engine.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { accumulatorOf, momentumName, NODES } from "./names.ts";
import { patchInput, traceReplicas } from "./step_parts.ts";
import {
  assignAll,
  countStopRequests,
  meanOverReplicas,
  optimize,
  sumOverReplicas,
} from "./step_updates.ts";
import type { TraceSettings } from "./trace.ts";
import { clear, declare, output, tensorsOf } from "./variables.ts";
import { type Variable } from "./variable.ts";

/**
 * Traces a training step in micro-batches, with the exact gradient of the
 * loss over the whole batch (GradCache: Gao, Zhang, Han and Callan, arXiv
 * 2101.06983): embed each micro-batch, compute the loss and its gradient with
 * respect to all embeddings, then run each micro-batch again and backpropagate
 * its rows of that gradient. Batch norms see one micro-batch at a time, as under
 * the authors' DataParallel.
 *
 * The embeddings are stored in a variable of the graph, with a row for each
 * micro-batch, and are later overwritten with their gradient. The loss too is
 * computed one micro-batch at a time, with z̄ given, so that of all memory only
 * this variable grows with the number of patches.
 *
 * @param options The model and the whole batch.
 * @param settings As for {@linkcode traceWholeStep}; `patchesAtOnce` is the number
 * of patches of each image in a micro-batch.
 */
export function traceMicroBatchStep(
  options: TrainerOptions,
  settings: TraceSettings & { patchesAtOnce: number },
): GraphBuilder {
  const { model, loss, optimizer, patches } = options;
  const specs = tensorSpecs(model);
  const trainable = specs.filter(isTrainable);
  const width = model.embedding;
  const { patchesAtOnce } = settings;
  const microBatches = patches / patchesAtOnce;
  const replicaSettings = { ...settings, microBatched: true };
  return traceReplicas(options, replicaSettings, (replica) => {
    const { graph, backend, collectives, images, learningRate } = replica;
    const rows = patchesAtOnce * images;
    const variables = declare(graph, {
      collectives,
      specs,
      ofTrainable: [momentumName, accumulatorOf],
      scratch: {
        [NODES.allZ]: [microBatches, rows, width],
        [NODES.meanZ]: [images, width],
        [NODES.meanZGradient]: [images, width],
      },
    });
    const context = { graph, backend, variables, collectives };
    const tensors = tensorsOf(backend, specs, variables);
    const x = patchInput(backend, replica.patches, options.values);
    const microBatch = replica.microBatch!;
    const allZ = variables.get(NODES.allZ)!;
    const meanZ = variables.get(NODES.meanZ)!;
    const meanZGradient = variables.get(NODES.meanZGradient)!;

    const float = { dtype: attr.type(DType.float) };
    const atRow = { ...float, Tindices: attr.type(DType.int32) };
    /** The row of `allZ` for the current micro-batch. */
    const row = (): GraphValue => ({
      name: graph.node("ResourceGather", [allZ.handle, microBatch], atRow),
      dtype: DType.float,
      shape: [rows, width],
    });
    const putRow = (value: GraphValue) =>
      graph.node(
        "ResourceScatterUpdate",
        [allZ.handle, microBatch, value],
        atRow,
      );
    const add = ({ handle }: Variable, tensor: tf.Tensor) => {
      const value = graph.cast(backend.value(tensor), DType.float);
      return graph.node("AssignAddVariableOp", [handle, value], float);
    };
    const byPatch = (z: tf.Tensor) =>
      tf.reshape(z, [patchesAtOnce, images, width]);

    collectives?.begin();
    const scope = scopeOf(tensors, true, replica.synced);
    // The gradient with respect to z: directly, and through z̄, the mean over patches.
    const dz = tf.add(
      byPatch(backend.tensor(row())),
      tf.mul(backend.tensor(meanZGradient.value), 1 / patches),
    );
    let z: GraphValue | undefined;
    const gradients = tf.grads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]!);
      const embedded = embed({ ...scope, tensors: own }, x, model);
      z = graph.cast(backend.value(embedded), DType.float);
      return embedded;
    })(
      trainable.map(({ name }) => tensors[name]!),
      tf.reshape(dz, [rows, width]),
    );
    const sumZ = tf.sum(byPatch(backend.tensor(z!)), 0);
    const stored = [putRow(z!), add(meanZ, tf.mul(sumZ, 1 / patches))];
    output(graph, graph.scalar(1), stored, NODES.embedded);

    const added = trainable.map(({ name }, i) =>
      add(variables.get(accumulatorOf(name))!, gradients[i]!)
    );
    const statistics = Object.keys(scope.updates);
    const values = statistics.map((name) =>
      backend.value(scope.updates[name]!)
    );
    output(
      graph,
      graph.scalar(1),
      [...added, ...assignAll(context, statistics, values)],
      NODES.accumulated,
    );

    collectives?.begin();
    let found: Losses | undefined;
    const [byZ, byMean] = tf.grads((own: tf.Tensor, ownMean: tf.Tensor) => {
      const z = collectives?.gatherImages(own, patchesAtOnce) ?? own;
      const mean = collectives?.gatherImages(ownMean, 1) ?? ownMean;
      const options = { ...loss, patches: patchesAtOnce, mean };
      found = empSslLoss(z, options);
      return tf.mul(found.loss, 1 / microBatches);
    })([backend.tensor(row()), backend.tensor(meanZ.value)]);
    const replaced = [
      putRow(backend.value(byZ!)),
      add(meanZGradient, byMean!),
    ];
    const lossTerms = [found!.loss, found!.invariance, found!.tcr];
    lossTerms.forEach((term, i) => {
      output(graph, backend.value(term), replaced, NODES.losses[i]!);
    });
    output(graph, backend.value(found!.gram), [], NODES.gram);

    collectives?.begin();
    const sums = trainable.map(({ name }) =>
      variables.get(accumulatorOf(name))!
    );
    const gradientsOfAll = sumOverReplicas(context, sums.map((s) => s.value));
    const done = trainable.map(({ name }, i) => {
      const gradient = gradientsOfAll[i]!;
      const update = optimize(context, name, gradient, learningRate, optimizer);
      return clear(graph, sums[i]!, [update]);
    });
    done.push(clear(graph, meanZ), clear(graph, meanZGradient));
    if (collectives) {
      const own = statistics.map((name) => variables.get(name)!.value);
      const means = meanOverReplicas(context, own, scope);
      done.push(...assignAll(context, statistics, means));
    }
    done.push(...countStopRequests(context, replica.stop));
    output(graph, graph.scalar(1), done, NODES.applied);
  });
}
