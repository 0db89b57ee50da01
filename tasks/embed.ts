/**
 * `deno task embed`: writes the features of a folder of images.
 *
 * @module
 */
import { type Split, SPLITS } from "../src/data/dataset.ts";
import { isModule } from "../src/data/own_data.ts";
import type { EngineChoice, PrecisionChoice } from "../src/engine/engine.ts";
import {
  checkEmbedding,
  embed,
  EMBED_DATASETS,
  EMBED_DEFAULTS,
  type EmbedEvent,
} from "../src/evaluate/embed.ts";
import type { FeatureLayer, Protocol } from "../src/model/methods/method.ts";
import { command as evaluateCommand } from "./evaluate.ts";
import { type Command, requiredFlag, type Values } from "./cli/flags.ts";
import {
  ENGINE_FLAG,
  main,
  MODEL_PATH_FLAG,
  modelPathOf,
  PRECISION_FLAG,
  setUpEngine,
  WORKERS_FLAG,
} from "./cli/main.ts";
import { objectOf } from "./cli/train_values.ts";
import { Progress } from "./cli/progress.ts";

const {
  protocol,
  features,
  "patch-size": patchSize,
  "data-options": dataOptions,
} = evaluateCommand.flags;

/** The command line of `deno task embed`. */
export const command: Command = {
  usage: "deno task embed --model-path PATH --data-dir DIR --out FILE [flags]",
  about:
    "Writes the features of all images in a folder or a data set, one row per " +
    "image, and\nFILE.txt with their names. Called again, it resumes after an interruption.",
  flags: {
    "model-path": MODEL_PATH_FLAG,
    data: {
      type: "text",
      choices: EMBED_DATASETS,
      or: { value: "FILE.ts", is: isModule },
      help: "what the images are in (default images: files in any folders)",
    },
    "data-options": dataOptions,
    "data-dir": { type: "text", value: "DIR", help: "their folder" },
    split: {
      type: "text",
      choices: SPLITS,
      help: "part of the data (default train)",
    },
    out: {
      type: "text",
      value: "FILE",
      help: "X.npy, X.safetensors or X.parquet",
    },
    patches: {
      type: "number",
      help: `patches per image, of a bag (default ${EMBED_DEFAULTS.patches})`,
    },
    "patch-size": patchSize,
    protocol,
    features,
    workers: WORKERS_FLAG,
    engine: ENGINE_FLAG,
    precision: PRECISION_FLAG,
  },
  examples: [
    "deno task embed --model-path runs/x --data-dir photos --out photos.npy",
    "deno task embed --model-path runs/x --data webdataset --data-dir shards --out x.parquet",
  ],
};

/** See the module's description. */
export async function run(values: Values): Promise<void> {
  const config = {
    modelPath: modelPathOf(values, "embed"),
    data: values.data as string | undefined,
    dataOptions: objectOf("data-options", values),
    dataDir: values["data-dir"] as string | undefined,
    split: values.split as Split | undefined,
    out: requiredFlag(values, "out", { action: "embed" }),
    protocol: values.protocol as Protocol | undefined,
    features: values.features as FeatureLayer | undefined,
    patches: values.patches as number | undefined,
    patchSize: values["patch-size"] as number | undefined,
    workers: values.workers as number | undefined,
    engine: (values.engine ?? "auto") as EngineChoice,
    precision: (values.precision ?? "auto") as PrecisionChoice,
  };
  checkEmbedding(config);
  await setUpEngine({ engine: config.engine });
  let progress: Progress | undefined;
  const onEvent = (event: EmbedEvent) => {
    if (event.type === "skipped") {
      console.error(`Left out ${event.image}: ${event.why}`);
      return;
    }
    if (event.type === "warning") {
      console.error(`Warning: ${event.message}`);
      return;
    }
    if (event.type === "damaged") {
      console.error(`Skipped a damaged checkpoint: ${event.fault}`);
      return;
    }
    if (event.type === "resumed") {
      console.log(`Resuming after ${event.done} of ${event.count} images`);
      return;
    }
    progress ??= new Progress("features", event.count);
    progress.update(event.done);
  };
  const { count, out, names } = await embed(config, { onEvent });
  console.log(`${count} images: ${out}, paths in ${names}`);
}

if (import.meta.main) await main(command, run);
