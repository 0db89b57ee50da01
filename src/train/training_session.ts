/**
 * Training as the training worker does it: it takes batches from the ring and
 * steps. It runs in the worker's thread.
 *
 * @module
 */
import type { Engine, StepLosses, Trainer } from "../engine/engine.ts";
import { chooseMicroBatch, freeMemory } from "../engine/micro_batch.ts";
import { EmpSslError } from "../errors.ts";
import { architecture, type ModelConfig } from "../model/architectures.ts";
import { OPTIMIZER } from "../model/lars.ts";
import { initialState, type State, tensorSpecs } from "../model/parameters.ts";
import { cosineLearningRate } from "../model/schedule.ts";
import { Ring, type RingHandle } from "../stream/ring.ts";
import { writeCheckpoint } from "./checkpoint.ts";
import type { ResolvedConfig } from "./config.ts";

/** What one step gave. */
export interface StepMetrics extends StepLosses {
  /** The step, from 0. */
  step: number;
  /** The epoch, from 0. */
  epoch: number;
  /** Learning rate of the step. */
  lr: number;
  /** Seconds of computing. */
  computeSeconds: number;
  /** Seconds of waiting for the batch. */
  waitSeconds: number;
  /** Patches a second, waiting included. */
  patchesPerSecond: number;
}

/** What `--micro-batch` comes to. */
function microBatchOf(
  { microBatch }: ResolvedConfig,
  batch: Parameters<typeof chooseMicroBatch>[0],
  device: string,
): number | undefined {
  if (microBatch === batch.patches) return undefined;
  if (microBatch !== "auto") return microBatch;
  // How much a GPU has free nobody tells us: there the user decides.
  return device === "CPU" ? chooseMicroBatch(batch, freeMemory()) : undefined;
}

/** A model in training, and where its patches come from. */
export class TrainingSession {
  #config: ResolvedConfig;
  #trainer: Trainer;
  #ring: Ring;
  /** Patches of each image at a time; all where it is undefined. */
  readonly microBatch: number | undefined;

  private constructor(
    config: ResolvedConfig,
    trainer: Trainer,
    ring: Ring,
    microBatch: number | undefined,
  ) {
    this.#config = config;
    this.#trainer = trainer;
    this.#ring = ring;
    this.microBatch = microBatch;
  }

  /** Initialises a model and puts it on the engine's device. */
  static async start(
    engine: Engine,
    config: ResolvedConfig,
    handle: RingHandle,
  ): Promise<TrainingSession> {
    const { model } = architecture(config.arch);
    const batch = {
      model,
      images: config.bs,
      patches: config.numPatches,
      patchSize: config.patchSize,
    };
    const microBatch = microBatchOf(config, batch, engine.report.device);
    const trainer = await engine.trainer(
      { ...batch, microBatch, loss: config, optimizer: OPTIMIZER },
      initialState(tensorSpecs(model), config.seed),
    );
    const ring = new Ring(handle);
    return new TrainingSession(config, trainer, ring, microBatch);
  }

  /**
   * Takes one batch and makes one step of it.
   *
   * @throws {EmpSslError} `NOT_FINITE` where the loss is not a number.
   */
  async step(step: number): Promise<StepMetrics> {
    const { steps, lr: base, bs, numPatches, stepsPerEpoch } = this.#config;
    const lr = cosineLearningRate(step, { steps, base });
    const begin = performance.now();
    const bytes = await this.#ring.take(step);
    const taken = performance.now();
    const losses = await this.#trainer.step(bytes, lr);
    this.#ring.release(step);
    const end = performance.now();
    if (!Number.isFinite(losses.loss)) {
      throw new EmpSslError({
        action: "go on after",
        subject: `step ${step}`,
        found: `the loss is ${losses.loss}`,
        remedy: "lower --lr; the last checkpoint is untouched",
        code: "NOT_FINITE",
      });
    }
    return {
      ...losses,
      step,
      epoch: Math.floor(step / stepsPerEpoch),
      lr,
      computeSeconds: (end - taken) / 1000,
      waitSeconds: (taken - begin) / 1000,
      patchesPerSecond: bs * numPatches / (end - begin) * 1000,
    };
  }

  /** The model as it is now. */
  async snapshot(): Promise<{ model: ModelConfig; state: State }> {
    const { model } = architecture(this.#config.arch);
    return { model, state: await this.#trainer.state() };
  }

  /** Writes a checkpoint. */
  async save(path: string, step: number): Promise<void> {
    const state = await this.#trainer.state();
    writeCheckpoint(path, state, { config: this.#config, step });
  }

  /** Frees the device. */
  close(): void {
    this.#trainer.dispose();
  }
}
