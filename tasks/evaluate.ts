/**
 * `deno task evaluate`: tests a trained encoder.
 *
 * @module
 */
import { percentSigned } from "../src/common/percent.ts";
import {
  FEATURE_LAYERS,
  type FeatureLayer,
  type Protocol,
  PROTOCOLS,
} from "../src/model/methods/method.ts";
import { DATASETS } from "../src/data/catalog.ts";
import { isModule } from "../src/data/own_data.ts";
import type { EngineChoice, PrecisionChoice } from "../src/engine/engine.ts";
import { errorMaker, messageOf } from "../src/common/errors.ts";
import {
  EVALUATE_DEFAULTS,
  type EvaluateConfig,
} from "../src/evaluate/evaluate_config.ts";
import { changedText, probesOf } from "../src/evaluate/probe_choices.ts";
import { KNN, LINEAR_PROBE } from "../src/evaluate/protocol.ts";
import { noBag } from "../src/evaluate/check_evaluation.ts";
import { checkOutput } from "../src/evaluate/write_features.ts";
import type { Accuracy } from "../src/evaluate/accuracy.ts";
import {
  checkEvaluationChoices,
  evaluate,
  type EvaluateEvent,
  type EvaluationResult,
} from "../src/evaluate/evaluate.ts";
import { ARCHITECTURES } from "../src/model/architectures.ts";
import {
  keepEvaluation,
  unfinishedFolder,
} from "../src/evaluate/evaluation_record.ts";
import type { Command, Values } from "./cli/flags.ts";
import {
  ENGINE_FLAG,
  main,
  MODEL_PATH_FLAG,
  modelPathOf,
  PRECISION_FLAG,
  setUpEngine,
  showPreparation,
  WORKERS_FLAG,
} from "./cli/main.ts";
import { formatSeconds, Progress } from "./cli/progress.ts";
import { objectOf } from "./cli/train_values.ts";
import { command as trainCommand } from "./cli/train_flags.ts";

const {
  "data-options": dataOptions,
  "data-url": dataUrl,
  "no-download": noDownload,
} = trainCommand.flags;

/** The command line of `deno task evaluate`. */
export const command: Command = {
  usage: "deno task evaluate --model-path PATH [flags]",
  about:
    "Computes features of the train and test splits and tests them with a " +
    "linear probe\nand k nearest neighbours.",
  flags: {
    "model-path": MODEL_PATH_FLAG,
    "test-patches": {
      type: "number",
      help: `patches per image (default ${EVALUATE_DEFAULTS.testPatches})`,
    },
    protocol: {
      type: "text",
      choices: PROTOCOLS,
      help:
        "mean over a bag of patches, or the whole image (default: the method's)",
    },
    features: {
      type: "text",
      choices: FEATURE_LAYERS,
      help:
        "backbone, or the hidden layer of the head (default: the method's; " +
        "EMP-SSL head)",
    },
    data: {
      type: "text",
      choices: Object.keys(DATASETS),
      or: { value: "FILE.ts", is: isModule },
      help: "data set (default: the run's own)",
    },
    "data-options": dataOptions,
    "data-dir": { type: "text", value: "DIR", help: "its folder" },
    "data-url": dataUrl,
    "no-download": noDownload,
    classes: {
      type: "text",
      value: "FILE",
      help: "imagenet100: its classes (default: the run's own)",
    },
    arch: {
      type: "text",
      choices: Object.keys(ARCHITECTURES),
      help: "architecture: only compared with that of the checkpoint",
    },
    "patch-size": {
      type: "number",
      help: "side of the patches in pixels (default: that of the training)",
    },
    linear: { type: "switch", help: "fit the linear probe (default)" },
    "no-linear": { type: "switch", help: "leave the linear probe out" },
    lr: {
      type: "number",
      help: `learning rate of the linear probe (default ${LINEAR_PROBE.lr})`,
    },
    "linear-epochs": {
      type: "number",
      help: `its epochs (default ${LINEAR_PROBE.epochs})`,
    },
    "classifier-out": {
      type: "text",
      value: "FILE",
      help: "write it as X.safetensors: weight, bias, names of the classes",
    },
    knn: { type: "switch", help: "classify by nearest neighbours (default)" },
    "no-knn": { type: "switch", help: "leave nearest neighbours out" },
    "knn-k": {
      type: "number",
      help: `how many neighbours vote (default ${KNN.k})`,
    },
    "knn-temperature": {
      type: "number",
      help: `temperature of their votes (default ${KNN.temperature})`,
    },
    untrained: {
      type: "switch",
      help: "random weights instead of the trained ones: the baseline",
    },
    "limit-train": { type: "number", help: "use only N training images" },
    "limit-test": { type: "number", help: "use only N test images" },
    workers: WORKERS_FLAG,
    engine: ENGINE_FLAG,
    precision: PRECISION_FLAG,
    "features-out": {
      type: "text",
      value: "PATH",
      help: "write features, labels and names: a folder (.npy), or " +
        "X.safetensors",
    },
    json: { type: "switch", help: "print the result as one line of JSON" },
  },
  examples: [
    "deno task evaluate --model-path runs/shapes-1 --test-patches 16",
    "deno task evaluate --model-path runs/x --no-linear --json",
  ],
};

/** The configuration of a command line. */
export function configOf(values: Values): EvaluateConfig {
  const number = (name: string) => values[name] as number | undefined;
  const text = (name: string) => values[name] as string | undefined;
  const modelPath = modelPathOf(values, "evaluate");
  return {
    modelPath,
    testPatches: number("test-patches") ?? EVALUATE_DEFAULTS.testPatches,
    protocol: text("protocol") as Protocol | undefined,
    features: text("features") as FeatureLayer | undefined,
    data: text("data"),
    dataOptions: objectOf("data-options", values),
    dataDir: text("data-dir"),
    dataUrl: text("data-url"),
    download: values["no-download"] !== true,
    classes: text("classes"),
    limitTrain: number("limit-train"),
    limitTest: number("limit-test"),
    linear: values.linear !== false && !values["no-linear"],
    knn: values.knn !== false && !values["no-knn"],
    patchSize: number("patch-size"),
    lr: number("lr"),
    linearEpochs: number("linear-epochs"),
    knnK: number("knn-k"),
    knnTemperature: number("knn-temperature"),
    untrained: values.untrained === true,
    featuresOut: text("features-out"),
    classifierOut: text("classifier-out"),
    workers: number("workers"),
    engine: (text("engine") ?? "auto") as EngineChoice,
    precision: (text("precision") ?? "auto") as PrecisionChoice,
  };
}

function inWords({ top1, top5 }: Accuracy): string {
  return `top-1 ${percentSigned(top1)}   top-5 ${percentSigned(top5)}`;
}

const choiceError = errorMaker("evaluate with", "INVALID_ARGUMENT");

/**
 * Reports an unusable checkpoint or flag before the engine is set up.
 *
 * @returns The checkpoint's file.
 */
function checkFlags(values: Values, config: EvaluateConfig): string {
  const { arch, "test-patches": patches } = values;
  const { checkpoint, protocol } = checkEvaluationChoices(config);
  const { config: run, path: file } = checkpoint;
  if (arch !== undefined && run.arch !== arch) {
    throw choiceError(
      `--arch ${arch}`,
      `${file} is a ${run.arch}`,
      "leave --arch out",
    );
  }
  if (protocol === "whole" && patches !== undefined && patches !== 1) {
    throw noBag("evaluate with", `--test-patches ${patches}`);
  }
  for (const name of ["linear", "knn"]) {
    if (!values[name] || !values[`no-${name}`]) continue;
    throw choiceError(
      `--${name} and --no-${name}`,
      "they say the opposite of each other",
      "leave one of them out",
    );
  }
  if (!config.linear && !config.knn && config.featuresOut === undefined) {
    throw choiceError(
      "--no-linear and --no-knn",
      "nothing is left to report",
      "leave one of them out, or give --features-out",
    );
  }
  if (config.featuresOut !== undefined) checkOutput(config.featuresOut);
  return file;
}

/** Evaluates with output on the terminal, and saves the result in the run's folder. */
export async function evaluateRun(values: Values): Promise<EvaluationResult> {
  const config = configOf(values);
  const keepIn = unfinishedFolder(checkFlags(values, config));
  await setUpEngine({ engine: config.engine });
  const bars = new Map<string, Progress>();
  const prepared = showPreparation();
  const onEvent = (event: EvaluateEvent) => {
    if (event.type === "features") {
      const title = `features of the ${event.split} images`;
      if (!bars.has(title)) bars.set(title, new Progress(title, event.count));
      bars.get(title)!.update(event.done);
    } else if (event.type === "prepare") {
      prepared(event.event);
    } else if (event.type === "skipped") {
      console.error(`Left out ${event.image}: ${event.why}`);
    } else if (event.type === "resumed") {
      const { split, done, count } = event;
      console.error(`Resuming after ${done} of ${count} ${split} images`);
    } else if (event.type === "warning") {
      console.error(`Warning: ${event.message}`);
    } else if (event.type === "damaged") {
      console.error(`Skipped a damaged checkpoint: ${event.fault}`);
    } else if (event.type === "linear") {
      const title = "linear probe";
      if (!bars.has(title)) bars.set(title, new Progress(title, event.epochs));
      bars.get(title)!.update(event.epoch + 1, inWords(event.accuracy));
    }
  };
  const result = await evaluate({ ...config, keepIn }, { onEvent });
  if (values.json) console.log(JSON.stringify(result));
  else show(result);
  if (!config.untrained) keepOrWarn(result);
  return result;
}

/** Saves a result with its run; the result has been printed where that fails. */
function keepOrWarn(result: EvaluationResult): void {
  try {
    keepEvaluation(result);
  } catch (error) {
    console.error(`Warning: the result is not kept: ${messageOf(error)}`);
  }
}

/** Prints a result. */
function show(result: EvaluationResult): void {
  const { images, leftOut, classes, testPatches, protocol } = result;
  const { features } = result;
  const { knn, linear, seconds } = result;
  console.log(
    `${result.checkpoint} on ${result.data}: ${images.train} training and ` +
      `${images.test} test images, ${classes} classes, ${
        protocol === "whole" ? "the whole image" : `${testPatches} patches`
      }, ${features === "backbone" ? "backbone" : "hidden layer"}` +
      changedText(result.changed),
  );
  if (leftOut.train + leftOut.test > 0) {
    console.log(
      `left out as unreadable: ${leftOut.train} training and ${leftOut.test} ` +
        "test images",
    );
  }
  if (linear) {
    console.log(`linear, last epoch   ${inWords(linear.last)}`);
    console.log(
      `linear, best epoch   ${inWords(linear.best)}   (peeks at the test set)`,
    );
  }
  const { k, temperature } = probesOf(result.changed ?? {}).knn;
  if (knn) console.log(`kNN (k ${k}, T ${temperature})   ${inWords(knn)}`);
  const { engine, precision } = result.engine;
  console.log(
    `Evaluated in ${formatSeconds(seconds)} by ${engine} in ${precision}`,
  );
}

/** See the module's description. */
export async function run(values: Values): Promise<void> {
  await evaluateRun(values);
}

if (import.meta.main) await main(command, run);
