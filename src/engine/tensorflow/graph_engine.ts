/**
 * The compiled engine: each step is one run of one traced TensorFlow graph.
 *
 * @module
 */
import type { Binding } from "../../deps/tfjs_node.ts";
import { type State, tensorSpecs } from "../../model/parameters.ts";
import type {
  Engine,
  EngineReport,
  FeatureEncoder,
  Precision,
  TrainerOptions,
} from "../engine.ts";
import { GraphTrainer, patchFeed, restore } from "../graph_trainer.ts";
import type { Feed } from "../session.ts";
import { NODES } from "../trace/names.ts";
import { traceEncoder, traceStep } from "../trace/step_graph.ts";
import type { TraceSettings } from "../trace/trace.ts";
import { GraphSession } from "./graph_session.ts";

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

  /** How graphs for this device are traced. */
  protected settings({ floats }: { floats?: boolean }): TraceSettings {
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
    const graph = traceStep(options, this.settings(options));
    const session = this.session(graph.finish());
    return GraphTrainer.start(session, options, { state, momentum });
  }

  /** A model in eval mode. */
  async encoder(
    options:
      & Pick<TrainerOptions, "model" | "images" | "patches" | "patchSize">
      & { floats?: boolean },
    state: State,
  ): Promise<FeatureEncoder & { encode(values: Feed): Promise<Float32Array> }> {
    const { model, images, patches, patchSize } = options;
    const graph = traceEncoder(options, this.settings(options));
    const session = this.session(graph);
    await restore(session, tensorSpecs(model), state);
    const shape = [patches * images, patchSize, patchSize, 3];
    return {
      width: model.hidden,
      async encode(values: Feed) {
        const feed = patchFeed(values, shape);
        const [features] = await session.run([feed], [NODES.features]);
        return features;
      },
      dispose: () => session.dispose(),
    };
  }
}
