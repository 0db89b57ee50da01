/**
 * The thread that computes: a thin Comlink shell around the engine, training
 * and evaluation. It is the only thread that loads an engine.
 *
 * @module
 */
import * as Comlink from "../src/deps/comlink.ts";
import type { Engine, EngineReport, EngineWish } from "../src/engine/engine.ts";
import { loadEngine } from "../src/engine/load.ts";
import {
  EvaluationSession,
  type FeatureJob,
  type OnFeatures,
} from "../src/evaluate/evaluation_session.ts";
import type { KnnOptions } from "../src/evaluate/knn.ts";
import type {
  LinearProbeOptions,
  OnEpoch,
} from "../src/evaluate/linear_probe.ts";
import type { ResolvedConfig } from "../src/train/config.ts";
import {
  type StartOptions,
  type StepMetrics,
  TrainingSession,
} from "../src/train/training_session.ts";
import type { RingHandle } from "../src/stream/ring.ts";

let engine: Engine;
let training: TrainingSession;
let evaluation: EvaluationSession;

/** What the main thread calls. */
export const trainingWorker = {
  /** Loads the engine. */
  async load(wish: EngineWish): Promise<EngineReport> {
    engine = await loadEngine(wish);
    return engine.report;
  },
  /** Puts a new model on the device; returns its micro-batch. */
  async startTraining(
    config: ResolvedConfig,
    handle: RingHandle,
    options?: StartOptions,
  ) {
    training = await TrainingSession.start(engine, config, handle, options);
    return training.microBatch;
  },
  /** Makes one step. */
  step(step: number, stop?: boolean): Promise<StepMetrics> {
    return training.step(step, stop);
  },
  /** What can be looked at of the last step. */
  view() {
    return training.view();
  },
  /** Writes a checkpoint into a run's folder; returns the model's file. */
  save(dir: string, step: number): Promise<string> {
    return training.save(dir, step);
  },
  /** Reads a checkpoint for evaluation. */
  startEvaluation(path: string, untrained: boolean) {
    evaluation = EvaluationSession.open(engine, path, untrained);
  },
  /** Evaluates the model in training as it is now. */
  async startProbe() {
    const { model, state } = await training.snapshot();
    evaluation = new EvaluationSession(engine, model, state);
  },
  /** Computes and keeps the features of a split. */
  features(job: FeatureJob, handle: RingHandle, onFeatures: OnFeatures) {
    return evaluation.features(job, handle, onFeatures);
  },
  /** Takes images that could not be read out of the evaluation. */
  excludeFeatures(split: string, rows: number[]): void {
    evaluation.exclude(split, rows);
  },
  /** Writes the kept features. */
  writeFeatures(path: string): void {
    evaluation.write(path);
  },
  /** Writes the kept rows of one split alone. */
  writeRows(split: string, path: string, names: string[]): void {
    evaluation.writeRows(split, path, names);
  },
  /** How alike the images of a split are. */
  cosines(split: string) {
    return evaluation.cosines(split);
  },
  /** Frees the kept features. */
  endEvaluation(): void {
    evaluation.close();
  },
  /** k nearest neighbours over the kept features. */
  knn(options: KnnOptions) {
    return evaluation.knn(options);
  },
  /** The linear probe over the kept features. */
  linear(options: LinearProbeOptions, onEpoch: OnEpoch) {
    return evaluation.linear(options, onEpoch);
  },
};

Comlink.expose(trainingWorker);
