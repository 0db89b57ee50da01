/**
 * Evaluation (paper, section 4.1): bag-of-patches features of both splits, a
 * linear probe and kNN on them.
 *
 * @module
 */
import { resolve } from "node:path";
import type { FeatureLayer, Protocol } from "../model/methods/method.ts";
import { featureWidth } from "../model/encoder.ts";
import { methodOf } from "../model/methods/methods.ts";
import * as Comlink from "../deps/comlink.ts";
import { DATASETS } from "../data/catalog.ts";
import { checkPlaces } from "../data/check_places.ts";
import { openForThreads } from "../data/open_dataset.ts";
import { sameFiles } from "../data/archives.ts";
import { prepareDataset, type PrepareEvent } from "../data/prepare.ts";
import { type CallOptions, untilAborted } from "../common/call_options.ts";
import { defined } from "../common/defined.ts";
import { isModule, moduleUrl } from "../data/own_data.ts";
import { checkStoredModule } from "../data/stored_module.ts";
import type { DataOptions, DatasetSource, Split } from "../data/dataset.ts";
import { checkWorkers } from "../stream/worker_count.ts";
import { checkWish, type EngineReport } from "../engine/engine.ts";
import { checkNames, choiceError } from "../common/choice_names.ts";
import { modified } from "../common/files.ts";
import { readCheckpointInfo } from "../checkpoint/checkpoint.ts";
import { trainSource } from "../checkpoint/run_config.ts";
import { Failure } from "../common/failure.ts";
import type { Accuracy } from "./accuracy.ts";
import type { EvaluationCalls } from "./evaluation_calls.ts";
import { computeFeatures, cutsOf, labelsOf } from "./compute_features.ts";
import { KeptFeatures, shardsOf } from "./kept_features.ts";
import { continuedCompute } from "./continued_compute.ts";
import type { ProbeResult } from "./linear_probe.ts";
import { checkClassifierOut, writeClassifier } from "./write_classifier.ts";
import {
  changedChoices,
  checkProbeChoices,
  type ProbeChoices,
  probesOf,
} from "./probe_choices.ts";
import {
  checkClasses,
  checkKind,
  checkLimits,
  checkTestPatches,
} from "./check_evaluation.ts";
import {
  EVALUATE_DEFAULTS,
  EVALUATE_NAMES,
  type EvaluateConfig,
} from "./evaluate_config.ts";
import { checkOutput, writeNames } from "./write_features.ts";

/** The result of an evaluation. */
export interface EvaluationResult {
  /** The checkpoint. */
  checkpoint: string;
  /** The data set. */
  data: string;
  /** Its folder, where it has one. */
  dataDir?: string;
  /** Its options, where it has any. */
  dataOptions?: DataOptions;
  /** The file that names its classes, where one was given. */
  chosenClasses?: string;
  /** Set where the weights were random, not those of the checkpoint. */
  untrained?: true;
  /** Training and test images. */
  images: { train: number; test: number };
  /** The limits that were given for them; earlier versions did not store them. */
  limits?: { train?: number; test?: number };
  /** How many of them could not be read and were left out. */
  leftOut: { train: number; test: number };
  /** How many classes there are. */
  classes: number;
  /** Patches per image. */
  testPatches: number;
  /** Bag of patches or whole image; earlier versions, without it, used a bag. */
  protocol?: Protocol;
  /** The feature layer; earlier versions, without it, used the hidden layer. */
  features?: FeatureLayer;
  /** The method that trained it. */
  method?: string;
  /** The engine. */
  engine: EngineReport;
  /** Choices that differ from the authors' protocol. */
  changed?: ProbeChoices;
  /** kNN, k 20, T 0.07 unless `changed`. */
  knn?: Accuracy;
  /** The linear probe. */
  linear?: ProbeResult;
  /** Wall time in seconds. */
  seconds: number;
}

/** An event of an evaluation. */
export type EvaluateEvent =
  | { type: "prepare"; event: PrepareEvent }
  | { type: "features"; split: Split; done: number; count: number }
  | { type: "resumed"; split: Split; done: number; count: number }
  | { type: "warning"; message: string }
  | { type: "damaged"; fault: string }
  | { type: "skipped"; image: string; why: string }
  | { type: "linear"; epoch: number; epochs: number; accuracy: Accuracy }
  | { type: "result"; result: EvaluationResult };

/**
 * Checks the choices of an evaluation, and reads its checkpoint's description.
 *
 * @returns The configuration with its defaults, the checkpoint, and the protocol, the
 * feature layer and the patches that follow from both.
 * @throws {EmpSslError} For invalid settings, or an unusable checkpoint.
 */
export function checkEvaluationChoices(
  choices: Pick<EvaluateConfig, "modelPath"> & Partial<EvaluateConfig>,
) {
  checkNames(choices, EVALUATE_NAMES);
  const config = {
    ...EVALUATE_DEFAULTS,
    ...defined(choices),
  } as EvaluateConfig;
  checkTestPatches(config.testPatches);
  checkKind(config);
  checkWish(config);
  checkWorkers(config.workers);
  checkLimits(config);
  checkProbeChoices(config);
  if (config.classifierOut !== undefined) checkClassifierOut(config);
  const checkpoint = readCheckpointInfo(config.modelPath);
  const method = methodOf(checkpoint.model);
  const { protocol = method.protocol, features = method.features } = config;
  const testPatches = protocol === "whole" ? 1 : config.testPatches;
  return { config, checkpoint, protocol, features, testPatches };
}

/**
 * Evaluates a checkpoint. With `keepIn` a call that was aborted continues when it is
 * repeated.
 *
 * @param choices The checkpoint; the defaults are in `EVALUATE_DEFAULTS`.
 * @param options A signal that aborts it, and a callback for events.
 * @throws {EmpSslError} Before any work: `INVALID_ARGUMENT` for settings; `NOT_FOUND` or
 * `INVALID_CHECKPOINT` for the model; `INVALID_DATA`, also later, for the images;
 * `ENGINE_UNAVAILABLE`.
 *
 * @example Nearest neighbours alone
 * ```ts ignore
 * import { evaluate } from "./mod.ts";
 *
 * const { knn } = await evaluate({ modelPath: "runs/shapes-1", linear: false });
 * console.log(knn?.top1);
 * ```
 */
export async function evaluate(
  choices: Pick<EvaluateConfig, "modelPath"> & Partial<EvaluateConfig>,
  { signal, onEvent = () => {} }: CallOptions<EvaluateEvent> = {},
): Promise<EvaluationResult> {
  signal?.throwIfAborted();
  const begin = performance.now();
  const { config, checkpoint, protocol, features, testPatches } =
    checkEvaluationChoices(choices);
  const { untrained } = config;
  if (config.featuresOut !== undefined) checkOutput(config.featuresOut);
  for (const fault of checkpoint.damaged) onEvent({ type: "damaged", fault });
  // A run that is training may remove the checkpoint later.
  const writtenAt = modified(checkpoint.path);
  const run = checkpoint.config;
  const patchSize = config.patchSize ?? run.patchSize;
  const changed = changedChoices(config, run.patchSize);
  const probes = probesOf(config);
  const own = typeof config.data === "object" ? config.data : undefined;
  const wanted = own?.module ?? config.data as string | undefined ?? run.data;
  if (config.data === undefined) checkStoredModule(run.data, checkpoint.path);
  if (own !== undefined && config.dataOptions !== undefined) {
    const found = "data has a module's own options beside it";
    throw choiceError("dataOptions", found, "give them as the options of data");
  }
  const name = isModule(wanted) ? moduleUrl(wanted) : wanted;
  const { dataDir, classes: chosenClasses } = config;
  checkPlaces({ data: name, dataDir, classes: chosenClasses }, "evaluate with");
  const classList = chosenClasses ?? run.classes;
  const options = own?.options ?? config.dataOptions ??
    (name === run.data ? run.dataOptions : undefined);
  const { cache, pixels } = trainSource(run);
  const prepared = await prepareDataset({
    name,
    options,
    dir: config.dataDir ??
      (sameFiles(name, run.data) ? run.dataDir : undefined),
    limit: config.limitTrain,
    classes: classList,
    pixels,
    url: config.dataUrl,
    download: config.download ?? true,
  }, { signal, onEvent: (event) => onEvent({ type: "prepare", event }) });
  const { dir } = prepared;
  const tested = await openForThreads({
    name,
    options,
    dir,
    classes: classList,
    split: "test",
    pixels,
    limit: config.limitTest,
  }, { onFound: () => signal?.throwIfAborted() });
  if (tested.warning !== undefined) {
    onEvent({ type: "warning", message: tested.warning });
  }
  const sets = { train: prepared.dataset, test: tested.dataset };
  // As in training: a cache lowers the resolution of large images.
  const sources: Record<Split, DatasetSource> = {
    train: { ...prepared.source, cache },
    test: { ...tested.source, cache },
  };
  const classes = sets.train.classes.length;
  checkClasses(sets, dir ?? name);
  const leftOut = { train: 0, test: 0 };
  // The images of a module may change without a file that shows it.
  const keepIn = isModule(name) ? undefined : config.keepIn;
  const width = featureWidth(checkpoint.model, features);
  using kept = keepIn === undefined ? undefined : new KeptFeatures({
    ...{ dir: keepIn, sets, width },
    isOfFiles: DATASETS[name]?.files ?? false,
    shards: [prepared, tested].flatMap(({ source }) => shardsOf(source.shared)),
    identity: [
      [resolve(checkpoint.path), writtenAt],
      [name, options, untrained, testPatches, protocol, features],
      ...changed?.patchSize === undefined ? [] : [changed.patchSize],
      [config.engine, config.precision],
    ],
  });
  const compute = await continuedCompute(config, kept?.precision);
  try {
    const { warning } = compute.report;
    if (warning !== undefined) onEvent({ type: "warning", message: warning });
    const calls = compute.calls<EvaluationCalls>();
    await calls.startEvaluation(checkpoint.path, untrained);
    // The shorter one first: too many damaged images end it sooner.
    for (const split of ["test", "train"] as const) {
      const { length } = sets[split];
      const keep = kept?.open(split, compute.report, (why) => {
        const message = `An interruption would lose the ${split} features, ` +
          `which cannot be kept in ${keepIn}: ${why}`;
        onEvent({ type: "warning", message });
      });
      leftOut[split] = keep?.skipped.length ?? 0;
      const done = keep?.done ?? 0;
      if (done > 0) onEvent({ type: "resumed", split, done, count: length });
      await computeFeatures(compute, {
        source: sources[split],
        labels: labelsOf(sets[split], sets.train.classes),
        split,
        ...cutsOf(run, { protocol, patches: testPatches }),
        patchSize,
        features,
        workers: config.workers,
        keep,
        signal,
        onSkipped(image, why, index) {
          leftOut[split]++;
          keep?.skip(index);
          onEvent({ type: "skipped", image, why });
        },
      }, (done) => onEvent({ type: "features", split, done, count: length }));
    }
    const result: EvaluationResult = {
      checkpoint: checkpoint.path,
      data: name,
      dataDir: dir,
      dataOptions: options,
      chosenClasses: config.classes,
      untrained: untrained || undefined,
      images: { train: sets.train.length, test: sets.test.length },
      limits: { train: config.limitTrain, test: config.limitTest },
      leftOut,
      classes,
      testPatches,
      protocol,
      features,
      changed,
      method: methodOf(checkpoint.model).name,
      engine: compute.report,
      seconds: 0,
    };
    if (config.featuresOut !== undefined) {
      await calls.writeFeatures(config.featuresOut);
      writeNames(config.featuresOut, sets);
    }
    if (config.knn) {
      const knn = calls.knn({ ...probes.knn, classes });
      result.knn = await untilAborted(compute.unlessFailed(knn), signal);
    }
    if (config.linear) {
      const { epochs } = probes.linear, file = config.classifierOut;
      const callbacks = new Failure();
      const onEpoch = callbacks.catching((epoch: number, accuracy: Accuracy) =>
        onEvent({ type: "linear", epoch, epochs, accuracy })
      );
      const linear = callbacks.guard(compute.unlessFailed(
        calls.linear(
          { ...probes.linear, classes, withClassifier: file !== undefined },
          Comlink.proxy(onEpoch),
        ),
      ));
      const { classifier, ...told } = await untilAborted(linear, signal);
      result.linear = told;
      if (file) writeClassifier(file, classifier!, sets.train.classes, result);
    }
    await calls.endEvaluation();
    kept?.remove();
    result.seconds = (performance.now() - begin) / 1000;
    onEvent({ type: "result", result });
    return result;
  } finally {
    await compute.close();
  }
}
