/**
 * The graph of a step that is taken in micro-batches.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { embed } from "../../model/encoder.ts";
import { scopeOf } from "../../model/layers.ts";
import { empSslLoss, type Losses } from "../../model/loss.ts";
import { isTrainable, tensorSpecs } from "../../model/parameters.ts";
import type { TrainerOptions } from "../engine.ts";
import { attr, type GraphBuilder, type GraphValue } from "./graph.ts";
import { DType } from "./messages.ts";
import { accumulatorOf, momentumOf, NODES } from "./names.ts";
import {
  askWhoStops,
  assignAll,
  meanOfReplicas,
  ofAllReplicas,
  optimize,
  patchInput,
  traceParts,
} from "./step_parts.ts";
import type { TraceSettings } from "./trace.ts";
import {
  after,
  clear,
  declare,
  tensorsOf,
  type Variable,
} from "./variables.ts";

/**
 * Traces a step that is taken in micro-batches, with the exact gradient of the
 * loss over the whole batch (GradCache: Gao, Zhang, Han and Callan, arXiv
 * 2101.06983): embed each micro-batch, take the loss and its gradient by the
 * embeddings over all of them, then run each micro-batch again with its share
 * of that gradient. Batch norms see one micro-batch at a time, as under the
 * authors' DataParallel.
 *
 * Embeddings stay in a variable of the graph, a row for each micro-batch, until
 * the gradient takes their place. The loss too is taken a micro-batch at a time,
 * with z̄ given, so that nothing but that variable grows with the patches.
 *
 * Signatures: `restore/…`, `zero`, `read`, `embed`, `loss`, `accumulate`,
 * `apply`.
 *
 * @param options The model and the whole batch.
 * @param settings As for {@linkcode traceTrainer}; `patches` is how many of the
 * patches of each image make a micro-batch.
 */
export function traceMicroBatchTrainer(
  options: TrainerOptions,
  settings: TraceSettings & { patches: number },
): GraphBuilder {
  const { model, loss, optimizer, patches } = options;
  const specs = tensorSpecs(model);
  const trainable = specs.filter(isTrainable);
  const width = model.embedding;
  const parts = patches / settings.patches;
  return traceParts(options, { ...settings, inParts: true }, (replica) => {
    const { graph, backend, collectives, images, rate, feed } = replica;
    const rows = settings.patches * images;
    const variables = declare(graph, {
      collectives,
      specs,
      ofTrainable: [momentumOf, accumulatorOf],
      scratch: {
        [NODES.allZ]: [parts, rows, width],
        [NODES.meanZ]: [images, width],
        [NODES.meanZGradient]: [images, width],
      },
    });
    const context = { graph, backend, variables, collectives };
    const tensors = tensorsOf(backend, specs, variables);
    const x = patchInput(backend, replica.patches);
    const part = replica.part!;
    const [allZ, meanZ, meanZGradient] = [
      NODES.allZ,
      NODES.meanZ,
      NODES.meanZGradient,
    ].map((name) => variables.get(name)!);

    const float = { dtype: attr.type(DType.float) };
    const ofPart = { ...float, Tindices: attr.type(DType.int32) };
    /** The row of a part. */
    const row = (): GraphValue => ({
      name: graph.node("ResourceGather", [allZ.handle, part], ofPart),
      dtype: DType.float,
      shape: [rows, width],
    });
    const putRow = (value: GraphValue) =>
      graph.node("ResourceScatterUpdate", [allZ.handle, part, value], ofPart);
    const add = ({ handle }: Variable, tensor: tf.Tensor) => {
      const value = graph.cast(backend.value(tensor), DType.float);
      return graph.node("AssignAddVariableOp", [handle, value], float);
    };
    const byPatch = (z: tf.Tensor) =>
      tf.reshape(z, [settings.patches, images, width]);

    collectives?.begin();
    const scope = scopeOf(tensors, true, replica.synced);
    // By z itself, and through z̄, of which it is a share.
    const dz = tf.add(
      byPatch(backend.tensor(row())),
      tf.mul(backend.tensor(meanZGradient.value), 1 / patches),
    );
    let z: GraphValue | undefined;
    const gradients = tf.grads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]);
      const embedded = embed({ ...scope, tensors: own }, x, model);
      z = after(graph, backend.value(embedded), [], NODES.z);
      return embedded;
    })(
      trainable.map(({ name }) => tensors[name]),
      tf.reshape(dz, [rows, width]),
    );
    const share = tf.mul(tf.sum(byPatch(backend.tensor(z!)), 0), 1 / patches);
    const kept = [putRow(z!), add(meanZ, share)];
    const embedded = after(graph, graph.scalar(1), kept, NODES.embedded);
    graph.signature("embed", [feed, part], [embedded]);

    const added = trainable.map(({ name }, i) =>
      add(variables.get(accumulatorOf(name))!, gradients[i])
    );
    const statistics = Object.keys(scope.updates);
    const passed = statistics.map((name) => backend.value(scope.updates[name]));
    const accumulated = after(
      graph,
      graph.scalar(1),
      [...added, ...assignAll(context, statistics, passed)],
      NODES.accumulated,
    );
    graph.signature("accumulate", [feed, part], [accumulated]);

    collectives?.begin();
    let found: Losses | undefined;
    const [byZ, byMean] = tf.grads((own: tf.Tensor, ownMean: tf.Tensor) => {
      const z = collectives?.gatherImages(own, settings.patches) ?? own;
      const mean = collectives?.gatherImages(ownMean, 1) ?? ownMean;
      const options = { ...loss, patches: settings.patches, mean };
      found = empSslLoss(z, options);
      return tf.mul(found.loss, 1 / parts);
    })([backend.tensor(row()), backend.tensor(meanZ.value)]);
    const taken = [putRow(backend.value(byZ)), add(meanZGradient, byMean)];
    const losses = [found!.loss, found!.invariance, found!.tcr].map((
      part,
      i,
    ) => after(graph, backend.value(part), taken, NODES.losses[i]));
    const gram = after(graph, backend.value(found!.gram), [], NODES.gram);
    graph.signature("loss", [part], [...losses, gram]);

    collectives?.begin();
    const sums = trainable.map(({ name }) =>
      variables.get(accumulatorOf(name))!
    );
    const gradientsOfAll = ofAllReplicas(context, sums.map((s) => s.value));
    const done = trainable.map(({ name }, i) => {
      const gradient = gradientsOfAll[i];
      const update = optimize(context, name, gradient, rate, optimizer);
      return clear(graph, sums[i], [update]);
    });
    done.push(clear(graph, meanZ), clear(graph, meanZGradient));
    if (collectives) {
      const own = statistics.map((name) => variables.get(name)!.value);
      const means = meanOfReplicas(context, own, scope);
      done.push(...assignAll(context, statistics, means));
    }
    done.push(...askWhoStops(context, replica.stop));
    const applied = after(graph, graph.scalar(1), done, NODES.applied);
    graph.signature("apply", [rate], [applied]);
  });
}
