/**
 * The worker thread that computes: a thin Comlink wrapper around the engine, training
 * and evaluation.
 *
 * @module
 */
import * as Comlink from "../src/deps/comlink.ts";
import type { EngineCalls } from "../src/engine/compute.ts";
import type { Engine } from "../src/engine/engine.ts";
import { loadEngine } from "../src/engine/load.ts";
import { EvaluationSession } from "../src/evaluate/evaluation_session.ts";
import type { EvaluationCalls } from "../src/evaluate/evaluation_calls.ts";
import type { TrainingCalls } from "../src/train/training_calls.ts";
import { TrainingSession } from "../src/train/training_session.ts";

let engine: Engine;
let training: TrainingSession | undefined;
let evaluation: EvaluationSession | undefined;

const calls: EngineCalls & TrainingCalls & EvaluationCalls = {
  async load(wish) {
    engine = await loadEngine(wish);
    return engine.report;
  },

  async end() {
    // They may still be computing although the result is no longer awaited.
    await training?.close();
    await evaluation?.stop();
    // After the reply to the caller has been sent.
    setTimeout(() => self.close());
    engine.close?.();
  },

  async startTraining(config, batches, options) {
    training = await TrainingSession.start(engine, config, batches, options);
    return training.microBatch;
  },
  continueTraining: (batches) => training!.continueWith(batches),
  step: (step, wish) => training!.step(step, wish),
  view: () => training!.view(),
  save: (dir, step) => training!.save(dir, step),
  endTraining: () => training!.close(),

  startEvaluation(path, untrained) {
    evaluation = EvaluationSession.open(engine, path, untrained);
  },
  async startProbe() {
    const { model, state } = await training!.snapshot();
    evaluation = new EvaluationSession(engine, model, state);
  },
  features: (job, handle, onFeatures) =>
    evaluation!.features(job, handle, onFeatures),
  excludeFeatures: (split, rows) => evaluation!.exclude(split, rows),
  writeFeatures: (path) => evaluation!.write(path),
  writeRows: (split, path, names) => evaluation!.writeRows(split, path, names),
  cosines: (split) => evaluation!.cosines(split),
  knn: (options) => evaluation!.knn(options),
  linear: (options, onEpoch) => evaluation!.linear(options, onEpoch),
  endEvaluation: () => evaluation!.close(),
};

Comlink.expose(calls);
