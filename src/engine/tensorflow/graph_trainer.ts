/**
 * A model in training: the session runs of a traced graph that make up a step.
 *
 * @module
 */
import { initialKept, keptSpecs, tensorSpecs } from "../../model/parameters.ts";
import {
  isTrainable,
  type State,
  type TensorSpec,
} from "../../model/tensors.ts";
import type { StepResult, Trainer, TrainerOptions } from "../engine.ts";
import {
  momentumName,
  NODES,
  prefixOf,
  readNode,
  restoredNode,
  restoreNode,
  scalarNode,
} from "../trace/names.ts";
import type { PatchValues } from "../../patches/normalize.ts";
import type { GraphSession, NamedFeed } from "./graph_session.ts";
import type { Feed } from "./tensor.ts";

/** The values of patches, without a copy: 16-bit values arrive as bytes. */
export function patchNumbers(values: Feed, { bits }: PatchValues = {}): Feed {
  if (bits !== 16 || !(values instanceof Uint8Array)) return values;
  return new Uint16Array(values.buffer, values.byteOffset, values.length / 2);
}

/** A feed of patches, read in place: integers, or floats already normalised. */
export function patchFeed(values: Feed, shape: number[]): NamedFeed {
  const isFloat = values instanceof Float32Array;
  const name = isFloat ? NODES.floats : NODES.bytes;
  return { name, shape, values, inPlace: true };
}

function scalar(name: string, values: Feed): NamedFeed {
  return { name, shape: [], values };
}

/**
 * Bytes to restore in one run: TensorFlow plans the graph anew for each set of
 * feeds, so one run per tensor would be slow.
 */
const RESTORE_BYTES = 64 * 2 ** 20;

/** Puts tensors on the device, several in each run. */
export async function restore(
  session: GraphSession,
  specs: TensorSpec[],
  state: State,
  variableOf: (name: string) => string = (name) => name,
): Promise<void> {
  let feeds: NamedFeed[] = [], fetches: string[] = [], bytes = 0;
  const flush = async () => {
    if (feeds.length > 0) await session.run(feeds, fetches);
    feeds = [], fetches = [], bytes = 0;
  };
  for (const { name, shape } of specs) {
    const values = state.get(name)!, variable = variableOf(name);
    feeds.push({ name: restoreNode(variable), shape, values });
    fetches.push(restoredNode(variable));
    bytes += values.byteLength;
    if (bytes >= RESTORE_BYTES) await flush();
  }
  await flush();
}

/** What a trainer starts from; without a state, process 0 broadcasts it. */
export interface GraphTrainerStart {
  /** Whether patches are uploaded by separate runs: see `TraceSettings.staged`. */
  staged?: boolean;
  /** Weights and batch norm running statistics. */
  state?: State;
  /** Momentum, zero by default, and the method's state. */
  optimizerState?: State;
  /** With replicas: how many in this process, and how many in all. */
  replicas?: { own: number; count: number };
}

/** See {@linkcode Trainer}. */
export class GraphTrainer implements Trainer {
  #session: GraphSession;
  #specs: TensorSpec[];
  #kept: TensorSpec[];
  #shape: number[];
  #options: TrainerOptions;
  /** The name prefix of each replica's nodes. */
  #prefixes: string[];
  #replicated: boolean;
  /** Unused batches that are on the device or being copied to it. */
  #uploaded = 0;
  /** See {@linkcode Trainer.upload}. */
  readonly upload?: (patches: Feed) => Promise<void>;

  private constructor(
    session: GraphSession,
    options: TrainerOptions,
    { replicas, staged }: GraphTrainerStart,
  ) {
    const { patches, images, patchSize, model } = options;
    const { own, count } = replicas ?? { own: 1, count: 1 };
    this.#session = session;
    this.#options = options;
    this.#specs = tensorSpecs(options.model);
    this.#kept = keptSpecs(options.model);
    const rows = patches * images * own / count;
    this.#shape = [rows, patchSize, patchSize, model.channels];
    this.#prefixes = Array.from({ length: own }, (_, i) => prefixOf(i));
    this.#replicated = replicas !== undefined;
    if (staged) this.upload = (patches) => this.#upload(patches);
  }

  /** Restores the state; momentum is zero by default. */
  static async start(
    session: GraphSession,
    options: TrainerOptions,
    start: GraphTrainerStart,
  ): Promise<GraphTrainer> {
    const { state, optimizerState, replicas } = start;
    const trainer = new GraphTrainer(session, options, start);
    const specs = trainer.#specs;
    await trainer.#run([], [NODES.zeroed]);
    const trainable = specs.filter(isTrainable), kept = trainer.#kept;
    if (state) {
      await restore(session, specs, state);
      const first = initialKept(options.model, state, 0, optimizerState);
      await restore(session, kept, first);
    }
    if (optimizerState?.has(trainable[0]!.name)) {
      await restore(session, trainable, optimizerState, momentumName);
    }
    if (replicas) await trainer.#run([], [NODES.broadcast]);
    return trainer;
  }

  /** Runs the same nodes of every replica; returns the outputs of the first. */
  async #run(feeds: NamedFeed[], fetches: string[]): Promise<Float32Array[]> {
    const names = this.#prefixes.flatMap((prefix, i) =>
      // Fetching one output of a replica runs its whole step.
      i === 0 ? fetches : [prefix + fetches[0]]
    );
    const outputs = await this.#session.run(feeds, names);
    return outputs.slice(0, fetches.length);
  }

  async #upload(patches: Feed): Promise<void> {
    this.#uploaded++;
    const values = patchNumbers(patches, this.#options.values);
    try {
      await this.#run([patchFeed(values, this.#shape)], [NODES.uploaded]);
    } catch (error) {
      this.#uploaded--;
      throw error;
    }
  }

  /** Feeds for the patches: none with `upload`, which is called if it was not yet. */
  async #feeds(patches: Feed): Promise<NamedFeed[]> {
    if (this.upload === undefined) {
      const values = patchNumbers(patches, this.#options.values);
      return [patchFeed(values, this.#shape)];
    }
    if (this.#uploaded === 0) await this.upload(patches);
    this.#uploaded--;
    return [];
  }

  /** See {@linkcode Trainer.step}. */
  async step(
    patches: Feed,
    learningRate: number,
    stop = false,
    numbers: Record<string, number> = {},
  ): Promise<StepResult> {
    const rates = [scalar(NODES.learningRate, Float32Array.of(learningRate))];
    for (const [name, value] of Object.entries(numbers)) {
      rates.push(scalar(scalarNode(name), Float32Array.of(value)));
    }
    const last: string[] = [];
    if (this.#replicated) {
      rates.push(scalar(NODES.stop, Float32Array.of(Number(stop))));
      last.push(NODES.stopping);
    }
    const { microBatch } = this.#options;
    const outputs = microBatch === undefined
      ? await this.#run([...await this.#feeds(patches), ...rates], [
        ...NODES.losses,
        NODES.gram,
        ...last,
      ])
      : await this.#microBatchStep(
        patchNumbers(patches, this.#options.values),
        rates,
        last,
        microBatch,
      );
    const [loss, invariance, tcr] = outputs.map((output) => output[0]) as [
      number,
      number,
      number,
    ];
    const stopping = outputs.length > 4 ? outputs[4]![0]! > 0 : stop;
    return { loss, invariance, tcr, gram: outputs[3]!, stopping };
  }

  /** See `traceMicroBatchStep`. */
  async #microBatchStep(
    values: Feed,
    rates: NamedFeed[],
    last: string[],
    microBatch: number,
  ): Promise<Float32Array[]> {
    const count = this.#options.patches / microBatch;
    const size = values.length / count;
    const [rows, ...sides] = this.#shape as [number, ...number[]];
    const feeds = Array.from({ length: count }, (_, i): NamedFeed[] => [
      patchFeed(values.subarray(i * size, (i + 1) * size), [
        rows / count,
        ...sides,
      ]),
      scalar(NODES.microBatch, Int32Array.of(i)),
    ]);
    for (const feed of feeds) await this.#run(feed, [NODES.embedded]);
    // The losses of the batch are the means over the micro-batches.
    const losses = NODES.losses.map(() => Float32Array.of(0));
    let gram: Float32Array = new Float32Array();
    for (const [_, index] of feeds) {
      const found = await this.#run([index!], [...NODES.losses, NODES.gram]);
      losses.forEach((sum, i) => sum[0]! += found[i]![0]! / count);
      gram = found[3]!;
    }
    for (const feed of feeds) await this.#run(feed, [NODES.accumulated]);
    const [_, ...rest] = await this.#run(rates, [NODES.applied, ...last]);
    return [...losses, gram, ...rest];
  }

  async #read(
    names: string[],
    node: (name: string) => string,
  ): Promise<State> {
    const values = await this.#session.run([], names.map(node));
    return new Map(names.map((name, i) => [name, values[i]!]));
  }

  /** See {@linkcode Trainer.state}. */
  state(): Promise<State> {
    return this.#read(this.#specs.map(({ name }) => name), readNode);
  }

  /** See {@linkcode Trainer.optimizerState}. */
  async optimizerState(): Promise<State> {
    const names = this.#specs.filter(isTrainable).map(({ name }) => name);
    const kept = this.#kept.map(({ name }) => name);
    return new Map([
      ...await this.#read(names, (name) => readNode(momentumName(name))),
      ...kept.length > 0 ? await this.#read(kept, readNode) : [],
    ]);
  }

  /** See {@linkcode Trainer.dispose}. */
  dispose(): void {
    this.#session[Symbol.dispose]();
  }
}
