/**
 * The compiled engine: each step is one session run of one traced TensorFlow
 * graph, on one device or on those of a group of replicas.
 *
 * @module
 */
import { codeOf, EmpSslError } from "../../common/errors.ts";
import { featureLayer, featureWidth } from "../../model/encoder.ts";
import { foldBatchNorms, foldedSpecs } from "../../model/fold_batch_norms.ts";
import { stemOf } from "../../model/blocks.ts";
import type { State } from "../../model/tensors.ts";
import type {
  EncoderOptions,
  Engine,
  EngineReport,
  FeatureEncoder,
  Precision,
  TrainerOptions,
} from "../engine.ts";
import { stepBytes } from "../micro_batch.ts";
import { NODES } from "../trace/names.ts";
import { traceEncoder, traceStep } from "../trace/step_graph.ts";
import type { TraceSettings } from "../trace/trace.ts";
import type { TensorFlowC } from "./c_api.ts";
import {
  isFaster,
  type StemSeconds,
  stemSeconds,
  tensorCoreChannels,
} from "./faster_stem.ts";
import { GraphSession } from "./graph_session.ts";
import type { SessionTarget } from "./session_target.ts";
import {
  GraphTrainer,
  patchFeed,
  patchNumbers,
  restore,
} from "./graph_trainer.ts";
import type { ReplicaGroup } from "./replica_group.ts";
import type { Feed } from "./tensor.ts";

/**
 * Memory of a step that stores all activations, as a multiple of one that
 * recomputes some: 18.2 GB instead of 10.8 GB in fp32, plus a margin.
 */
const KEPT = 2.5;

/** The result of starting a session; where it fails, the session's memory is freed. */
async function orDisposed<T>(
  session: GraphSession,
  start: Promise<T>,
): Promise<T> {
  try {
    return await start;
  } catch (error) {
    // With another process lost, a run may still be waiting for it.
    if (codeOf(error) !== "PEER_LOST") session[Symbol.dispose]();
    throw error;
  }
}

/** What an engine is made from. */
export interface GraphEngineParts {
  report: EngineReport;
  /** The library. */
  c: TensorFlowC;
  /** The target of sessions on one device. */
  target: SessionTarget;
  precision: Precision;
  /** The replicas, if several train together. */
  replicas?: ReplicaGroup;
  /** Frees the eager context. */
  close: () => void;
}

/** See `engine.ts`. */
export class GraphEngine implements Engine {
  readonly report: EngineReport;
  /** The replicas, if several train together. */
  readonly replicas?: ReplicaGroup;
  #c: TensorFlowC;
  #target: SessionTarget;
  #precision: Precision;

  /** See {@linkcode Engine.close}. */
  readonly close: () => void;

  /** An engine over a loaded library. */
  constructor(
    { report, c, target, precision, replicas, close }: GraphEngineParts,
  ) {
    this.close = close;
    this.report = report;
    this.replicas = replicas;
    this.#c = c;
    this.#target = target;
    this.#precision = precision;
  }

  /** A session of any graph, on the devices of the replicas or on the only device. */
  session(graphDef: Uint8Array<ArrayBuffer>): GraphSession {
    const target = this.replicas?.target ?? this.#target;
    return GraphSession.load(this.#c, graphDef, target);
  }

  /** A session of a SavedModel's folder, on one device. */
  loadSavedModel(folder: string): GraphSession {
    return GraphSession.loadSavedModel(this.#c, folder, this.#target);
  }

  /** How graphs for this device are traced. */
  #settings({ floats }: { floats?: boolean }): TraceSettings {
    // cuDNN chooses among such algorithms by itself.
    const winograd = this.report.device === "CPU";
    return { precision: this.#precision, winograd, floats };
  }

  /** Seconds of a model's stem with its own channels, and with padded channels. */
  stemSeconds(
    { model, images, microBatch, patches, patchSize }: TrainerOptions,
  ): Promise<StemSeconds> {
    return stemSeconds(this.#c, this.#target, {
      stem: stemOf(model),
      rows: images * (microBatch ?? patches) / (this.replicas?.count ?? 1),
      patchSize,
      precision: this.#precision,
    });
  }

  /** Channels to pad the stem's input to, if that is faster on the GPU. */
  async #stemChannels(options: TrainerOptions): Promise<number | undefined> {
    if (this.report.device === "CPU") return undefined;
    const channels = tensorCoreChannels(this.#precision);
    if (options.model.channels >= channels) return undefined;
    try {
      return isFaster(await this.stemSeconds(options)) ? channels : undefined;
    } catch {
      // For example, too little free GPU memory for the measurement.
      return undefined;
    }
  }

  /** Whether a GPU has enough memory to store all activations of a step. */
  #keepsAll(options: TrainerOptions): boolean {
    const { memoryBytes } = this.report;
    if (memoryBytes === undefined) return false;
    const { images, microBatch, patches } = options;
    const rows = images * (microBatch ?? patches) / (this.replicas?.count ?? 1);
    return stepBytes(options, rows, this.#precision) * KEPT < memoryBytes;
  }

  /**
   * A model in training; with several processes, process 0 broadcasts its state.
   *
   * @param options The model and the batch; `floats` feeds normalised floats
   * instead of bytes, for comparisons; `stemChannels` is measured by default;
   * `staged` is the default on a GPU, but is ignored with micro-batches.
   * @throws {EmpSslError} `INVALID_ARGUMENT` if the batch cannot be divided
   * equally among the replicas.
   */
  async trainer(
    options: TrainerOptions & {
      floats?: boolean;
      stemChannels?: number;
      staged?: boolean;
    },
    state: State,
    optimizerState?: State,
  ): Promise<GraphTrainer> {
    const group = this.replicas;
    const staged = options.microBatch === undefined &&
      (options.staged ?? this.report.device !== "CPU");
    const settings = {
      staged,
      ...this.#settings(options),
      keepsAll: this.#keepsAll(options),
      stemChannels: options.stemChannels ?? await this.#stemChannels(options),
    };
    if (group === undefined) {
      const graph = traceStep(options, settings);
      const session = this.session(graph.graphDef());
      const start = { state, optimizerState, staged };
      const trainer = GraphTrainer.start(session, options, start);
      return await orDisposed(session, trainer);
    }
    if (options.images % group.count !== 0) {
      throw new EmpSslError({
        action: "train with",
        subject: `${options.images} images per batch`,
        found: `they cannot be divided equally among ${group.count} replicas`,
        remedy: `give a --bs that is a multiple of ${group.count}`,
        code: "INVALID_ARGUMENT",
      });
    }
    const replicas = await group.settings();
    const graph = traceStep(options, { ...settings, replicas });
    const session = this.session(graph.graphDef());
    const trainer = GraphTrainer.start(session, options, {
      ...(group.task === 0 ? { state, optimizerState } : {}),
      staged,
      replicas: { own: group.devices.length, count: group.count },
    });
    return await orDisposed(session, trainer);
  }

  /** A model in eval mode, on one device. */
  async encoder(
    options: EncoderOptions & { floats?: boolean },
    state: State,
  ): Promise<FeatureEncoder & { encode(values: Feed): Promise<Float32Array> }> {
    const { model, images, patches, patchSize, values: kind } = options;
    const graph = traceEncoder(options, this.#settings(options)).graphDef();
    const session = GraphSession.load(this.#c, graph, this.#target);
    const layer = featureLayer(model, options.features);
    const folded = foldBatchNorms(model, state, layer);
    const prepare = async () => {
      await restore(session, foldedSpecs(model, layer), folded);
      await session.run([], [NODES.prepared]);
    };
    await orDisposed(session, prepare());
    const shape = [patches * images, patchSize, patchSize, model.channels];
    return {
      width: featureWidth(model, layer),
      async encode(values: Feed) {
        const feed = patchFeed(patchNumbers(values, kind), shape);
        const [features] = await session.run([feed], [NODES.features]);
        return features!;
      },
      dispose: () => session[Symbol.dispose](),
    };
  }
}
