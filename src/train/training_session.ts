/**
 * Training in the training worker: takes batches from the ring and makes a step with
 * each.
 *
 * @module
 */
import process from "node:process";
import type { Engine, StepLosses, Trainer } from "../engine/engine.ts";
import type { ModelConfig } from "../model/architectures.ts";
import { modelOf } from "../model/model_of.ts";
import type { Method } from "../model/methods/method.ts";
import { methodOf } from "../model/methods/methods.ts";
import { initialKept, tensorSpecs } from "../model/parameters.ts";
import { type State } from "../model/tensors.ts";
import { learningRate, type ScheduleOptions } from "../model/schedule.ts";
import { Ring } from "../stream/ring.ts";
import {
  encodeModel,
  encodeOptimizerState,
  readCheckpoint,
  readOptimizerState,
} from "../checkpoint/checkpoint.ts";
import {
  checkFinite,
  checkLoss,
  COLLAPSED_RANK,
  CollapseWatch,
} from "./health.ts";
import { initialWeights } from "../checkpoint/initial_weights.ts";
import { SampledRank } from "./sampled_rank.ts";
import { saveCheckpoint } from "../checkpoint/save_checkpoint.ts";
import { microBatchOf, ownShapeOf } from "./batch.ts";
import type { StepMetrics } from "./events.ts";
import type { BatchView } from "./batch_view.ts";
import { Batches } from "./batches.ts";
import type { ResolvedConfig } from "../checkpoint/run_config.ts";
import type {
  NextBatches,
  StartOptions,
  StepOutcome,
  StepWish,
} from "./training_calls.ts";
import { TensorBoard } from "./tensorboard.ts";
import { trainerOf } from "./trainer_of.ts";
import { warmUpSteps } from "./warm_up.ts";

/** The results of a step on the device. */
interface MadeStep extends
  Pick<
    StepMetrics,
    "computeSeconds" | "waitSeconds" | "processorSeconds"
  > {
  losses: StepLosses;
  gram: Float32Array;
  stopping: boolean;
  view: BatchView | undefined;
}

/** A model in training, and the source of its batches. */
export class TrainingSession {
  #engine: Engine;
  #config: ResolvedConfig;
  #model: ModelConfig;
  #method: Method;
  #schedule: ScheduleOptions;
  #trainer: Trainer;
  #batches: Batches;
  #watched: boolean;
  #collapse: CollapseWatch;
  #rank = new SampledRank({ low: COLLAPSED_RANK });
  #tensorBoard: TensorBoard | undefined;
  #view: BatchView | undefined;
  #usage = process.cpuUsage();
  /** The step that is already running while the previous step's metrics are reported. */
  #ahead: Promise<MadeStep> | undefined;
  /** Pending work of the device. */
  #running = new Set<Promise<unknown>>();
  #closed = false;
  /** Patches of each image at a time; all if undefined. */
  readonly microBatch: number | undefined;

  private constructor(
    engine: Engine,
    config: ResolvedConfig,
    trainer: Trainer,
    { batches, microBatch, tensorBoard, watched }: {
      batches: NextBatches;
      microBatch: number | undefined;
      tensorBoard: TensorBoard | undefined;
      watched: boolean;
    },
  ) {
    this.#engine = engine;
    this.#config = config;
    this.#model = modelOf(config);
    this.#method = methodOf(this.#model);
    this.#schedule = {
      steps: config.steps,
      base: config.lr,
      schedule: config.schedule,
      warmUpSteps: warmUpSteps(config.warmUp, config),
    };
    this.#watched = watched;
    this.#trainer = trainer;
    this.#batches = this.#batchesOf(batches);
    this.#collapse = new CollapseWatch(
      this.#model.embedding,
      config.eps,
      this.#method.patience,
    );
    this.microBatch = microBatch;
    this.#tensorBoard = tensorBoard;
  }

  /**
   * Puts a model on the engine's device: a new one, or that of a checkpoint with its
   * optimiser state.
   */
  static async start(
    engine: Engine,
    config: ResolvedConfig,
    batches: NextBatches,
    { from, tensorBoard: events, watched = false }: StartOptions = {},
  ): Promise<TrainingSession> {
    const tensorBoard = events === undefined
      ? undefined
      : await TensorBoard.open(engine, events);
    const model = modelOf(config);
    const microBatch = microBatchOf(config, engine.report);
    const state = from === undefined
      ? initialWeights(tensorSpecs(model), config)
      : readCheckpoint(from.model).state;
    const optimizerState = from === undefined
      ? initialKept(model, state, config.seed)
      : readOptimizerState(from.optimizer, model);
    const { patchSize } = batches;
    const trainer = await trainerOf(
      engine,
      config,
      { patchSize, microBatch },
      { state, optimizerState },
    );
    return new TrainingSession(engine, config, trainer, {
      batches,
      microBatch,
      tensorBoard,
      watched,
    });
  }

  /** The batches of a ring, for this trainer. */
  #batchesOf({ handle, patchSize, end }: NextBatches): Batches {
    const { upload } = this.#trainer;
    return new Batches(new Ring(handle), {
      upload: upload && ((bytes) => this.#onDevice(() => upload(bytes))),
      shown: this.#watched ? ownShapeOf(this.#config, patchSize) : undefined,
      end,
    });
  }

  /**
   * Continues with the same model and other batches, as exactly as from a checkpoint. All
   * earlier batches must have been taken.
   */
  async continueWith(batches: NextBatches): Promise<void> {
    const before = this.#trainer, { microBatch } = this;
    const state = await before.state(),
      optimizerState = await before.optimizerState();
    before.dispose();
    const sizes = { patchSize: batches.patchSize, microBatch };
    const start = () =>
      trainerOf(this.#engine, this.#config, sizes, { state, optimizerState });
    try {
      this.#trainer = await this.#onDevice(start);
    } catch (error) {
      // The previous trainer is already disposed: there is nothing to free.
      this.#closed = true;
      throw error;
    }
    this.#batches = this.#batchesOf(batches);
    this.#usage = process.cpuUsage();
  }

  /**
   * Makes one step, or awaits it if it is already running.
   *
   * @throws {EmpSslError} `NOT_FINITE` if the loss is not finite; `COLLAPSED` if all
   * images have had nearly the same embedding for many steps.
   */
  async step(
    step: number,
    { stop = false, ahead = false }: StepWish = {},
  ): Promise<StepOutcome> {
    const made = await (this.#ahead ?? this.#make(step, stop));
    this.#ahead = ahead ? this.#make(step + 1, stop) : undefined;
    // A rejection surfaces when the next step() awaits the promise.
    this.#ahead?.catch(() => {});
    const { gram, stopping, view, losses, ...times } = made;
    this.#view = view;
    checkLoss(losses.loss, step);
    const rank = this.#rank.of(gram, times.computeSeconds);
    this.#collapse.watch(step, { ...losses, effectiveRank: rank });
    const { bs, numPatches, stepsPerEpoch } = this.#config;
    const seconds = times.waitSeconds + times.computeSeconds;
    const metrics: StepMetrics = {
      ...losses,
      effectiveRank: rank,
      step,
      epoch: Math.floor(step / stepsPerEpoch),
      lr: learningRate(step, this.#schedule),
      ...times,
      patchesPerSecond: bs * numPatches / seconds,
    };
    this.#tensorBoard?.write(metrics);
    // Left out unless true.
    return stopping ? { ...metrics, stopping } : metrics;
  }

  /** Takes a batch and makes a step with it. */
  async #make(step: number, stop: boolean): Promise<MadeStep> {
    const begin = performance.now();
    const batch = await this.#batches.take(step);
    const taken = performance.now();
    const lr = learningRate(step, this.#schedule);
    const scalars = this.#method.scalars?.(
      { ...this.#config, step },
      this.#model,
    );
    const work = this.#onDevice(() =>
      this.#trainer.step(batch.bytes, lr, stop, scalars)
    );
    this.#batches.prefetchAfter(step);
    const { gram, stopping, ...losses } = await work;
    this.#batches.release(step);
    return {
      losses,
      gram,
      stopping,
      view: batch.patches && { gram, patches: batch.patches },
      computeSeconds: (performance.now() - taken) / 1000,
      waitSeconds: (taken - begin) / 1000,
      processorSeconds: this.#processorSeconds(),
    };
  }

  /** Starts work on the device; `close` waits for it before the device is freed. */
  async #onDevice<T>(begin: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error("the session is closed");
    const work = begin();
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /** CPU seconds of this process since the previous call. */
  #processorSeconds(): number {
    const { user, system } = process.cpuUsage(this.#usage);
    this.#usage = process.cpuUsage();
    return (user + system) / 1e6;
  }

  /** The batch of the last step, if the session is `watched`. */
  view(): BatchView | undefined {
    return this.#view;
  }

  /** The model as it is now. */
  async snapshot(): Promise<{ model: ModelConfig; state: State }> {
    const model = this.#model;
    return { model, state: await this.#trainer.state() };
  }

  /**
   * Writes a checkpoint.
   *
   * @param dir The run's folder.
   * @param step How many steps were made.
   * @returns The model's file.
   * @throws {EmpSslError} `NOT_FINITE` if a weight or momentum buffer is not finite: such
   * a checkpoint could never be resumed.
   */
  async save(dir: string, step: number): Promise<string> {
    const config = this.#config, model = this.#model;
    return await saveCheckpoint(dir, {
      step,
      keep: config.keep,
      model: async () => {
        const state = await this.#trainer.state();
        checkFinite(state, step);
        return encodeModel(state, { config, step });
      },
      optimizer: async () => {
        const state = await this.#trainer.optimizerState();
        checkFinite(state, step);
        return encodeOptimizerState(model, state);
      },
    });
  }

  /** Frees the device, once its pending work has ended. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#running);
    this.#trainer.dispose();
  }
}
