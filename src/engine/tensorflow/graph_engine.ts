/**
 * The compiled engine: each step is one run of one traced TensorFlow graph.
 *
 * @module
 */
import type { Binding } from "../../deps/tfjs_node.ts";
import {
  isTrainable,
  type State,
  type TensorSpec,
  tensorSpecs,
} from "../../model/parameters.ts";
import type {
  Engine,
  EngineReport,
  FeatureEncoder,
  Precision,
  StepResult,
  Trainer,
  TrainerOptions,
} from "../engine.ts";
import {
  momentumOf,
  NODES,
  readNode,
  restoredNode,
  restoreNode,
} from "../trace/names.ts";
import {
  traceEncoder,
  traceMicroBatchTrainer,
  traceTrainer,
} from "../trace/step_graph.ts";
import type { TraceSettings } from "../trace/trace.ts";
import { type Feed, GraphSession } from "./graph_session.ts";

/** Feeds patches: bytes, or floats already in [−1, 1]. */
function patchFeed(values: Feed, shape: number[]) {
  const name = values instanceof Uint8Array ? NODES.bytes : NODES.floats;
  return { name, shape, values };
}

/**
 * Puts tensors on the device, one at a time: what has been fed is garbage, and
 * the collector takes it in between.
 */
function restore(
  session: GraphSession,
  specs: TensorSpec[],
  state: State,
  nameOf: (name: string) => string = (name) => name,
): void {
  for (const { name, shape } of specs) {
    const feed = { name: restoreNode(nameOf(name)), shape };
    session.run([{ ...feed, values: state.get(name)! }], [
      restoredNode(nameOf(name)),
    ]);
  }
}

/** See `engine.ts`. */
export class GraphEngine implements Engine {
  readonly report: EngineReport;
  #binding: Binding;
  #precision: Precision;

  /** Over a loaded binding. */
  constructor(report: EngineReport, binding: Binding, precision: Precision) {
    this.report = report;
    this.#binding = binding;
    this.#precision = precision;
  }

  /** Any other graph, on the same device. */
  session(savedModel: Uint8Array): GraphSession {
    return GraphSession.load(this.#binding, savedModel);
  }

  #settings({ floats }: { floats?: boolean }): TraceSettings {
    // A GPU's own library chooses among such algorithms by itself.
    const winograd = this.report.device === "CPU";
    return { precision: this.#precision, winograd, floats };
  }

  /**
   * A model in training.
   *
   * @param options The model and the batch; `floats` feeds numbers in [−1, 1]
   * in place of bytes, for comparisons.
   */
  trainer(
    options: TrainerOptions & { floats?: boolean },
    state: State,
    momentum?: State,
  ): Promise<GraphTrainer> {
    const settings = this.#settings(options);
    const { microBatch } = options;
    const graph = microBatch === undefined
      ? traceTrainer(options, settings)
      : traceMicroBatchTrainer(options, { ...settings, patches: microBatch });
    const session = this.session(graph);
    return Promise.resolve(
      new GraphTrainer(session, options, state, momentum),
    );
  }

  /** A model in eval mode. */
  encoder(
    options:
      & Pick<TrainerOptions, "model" | "images" | "patches" | "patchSize">
      & { floats?: boolean },
    state: State,
  ): Promise<FeatureEncoder & { encode(values: Feed): Promise<Float32Array> }> {
    const { model, images, patches, patchSize } = options;
    const graph = traceEncoder(options, this.#settings(options));
    const session = this.session(graph);
    restore(session, tensorSpecs(model), state);
    const shape = [patches * images, patchSize, patchSize, 3];
    return Promise.resolve({
      width: model.hidden,
      encode(values: Feed) {
        const [features] = session.run(
          [patchFeed(values, shape)],
          [NODES.features],
        );
        return Promise.resolve(features);
      },
      dispose: () => session.dispose(),
    });
  }
}

/** A model in training, in a graph. */
export class GraphTrainer implements Trainer {
  #session: GraphSession;
  #names: string[];
  #trainable: string[];
  #shape: number[];
  #options: TrainerOptions;

  /** Restores the state; without momentum it starts from zero. */
  constructor(
    session: GraphSession,
    options: TrainerOptions,
    state: State,
    momentum?: State,
  ) {
    const specs = tensorSpecs(options.model);
    const trainable = specs.filter(isTrainable);
    const { patches, images, patchSize } = options;
    this.#session = session;
    this.#options = options;
    this.#names = specs.map((spec) => spec.name);
    this.#trainable = trainable.map((spec) => spec.name);
    this.#shape = [patches * images, patchSize, patchSize, 3];
    restore(session, specs, state);
    session.run([], [NODES.zeroed]);
    if (momentum) restore(session, trainable, momentum, momentumOf);
  }

  /** See {@linkcode Trainer.step}. */
  step(values: Feed, learningRate: number): Promise<StepResult> {
    const rate = {
      name: NODES.learningRate,
      shape: [],
      values: Float32Array.of(learningRate),
    };
    const { microBatch } = this.#options;
    const outputs = microBatch === undefined
      ? this.#session.run([patchFeed(values, this.#shape), rate], [
        ...NODES.losses,
        NODES.gram,
      ])
      : this.#stepInParts(values, rate, microBatch);
    const [loss, invariance, tcr] = outputs.map((output) => output[0]);
    return Promise.resolve({ loss, invariance, tcr, gram: outputs[3] });
  }

  /** See `traceMicroBatchTrainer`. */
  #stepInParts(
    values: Feed,
    rate: { name: string; shape: number[]; values: Feed },
    microBatch: number,
  ): Float32Array[] {
    const { patches, images } = this.#options;
    const parts = patches / microBatch, size = values.length / parts;
    const feeds = Array.from({ length: parts }, (_, i) => [
      patchFeed(
        values.subarray(i * size, (i + 1) * size),
        [microBatch * images, ...this.#shape.slice(1)],
      ),
      { name: NODES.part, shape: [], values: Int32Array.of(i) },
    ]);
    for (const feed of feeds) this.#session.run(feed, [NODES.embedded]);
    // The batch's losses are the means of its parts'.
    const losses = NODES.losses.map(() => Float32Array.of(0));
    let gram: Float32Array = new Float32Array();
    for (const [_, part] of feeds) {
      const found = this.#session.run([part], [...NODES.losses, NODES.gram]);
      losses.forEach((sum, i) => sum[0] += found[i][0] / parts);
      gram = found[3];
    }
    for (const feed of feeds) this.#session.run(feed, [NODES.accumulated]);
    this.#session.run([rate], [NODES.applied]);
    return [...losses, gram];
  }

  /** z of a batch in training mode, without any update. */
  embed(values: Feed): Float32Array {
    return this.#session.run([patchFeed(values, this.#shape)], [NODES.z])[0];
  }

  #read(names: string[], node: (name: string) => string): Promise<State> {
    const values = this.#session.run([], names.map(node));
    return Promise.resolve(new Map(names.map((name, i) => [name, values[i]])));
  }

  /** See {@linkcode Trainer.state}. */
  state(): Promise<State> {
    return this.#read(this.#names, readNode);
  }

  /** See {@linkcode Trainer.momentum}. */
  momentum(): Promise<State> {
    return this.#read(this.#trainable, (name) => readNode(momentumOf(name)));
  }

  /** See {@linkcode Trainer.dispose}. */
  dispose(): void {
    this.#session.dispose();
  }
}
