/**
 * `deno task export`: writes a trained network in the format of another program.
 *
 * @module
 */
import { resolve } from "node:path";
import type { EngineChoice } from "../src/engine/engine.ts";
import {
  checkExportChoices,
  EXPORT_DEFAULTS,
  exportModel,
  makeExportFolder,
} from "../src/export/export.ts";
import {
  EXPORT_FORMATS,
  EXPORT_PARTS,
  EXPORT_PRECISIONS,
  type ExportFormat,
  type ExportPart,
  type ExportPrecision,
} from "../src/export/request.ts";
import { readCheckpointInfo } from "../src/checkpoint/checkpoint.ts";
import type { Command, Values } from "./cli/flags.ts";
import {
  ENGINE_FLAG,
  main,
  MODEL_PATH_FLAG,
  modelPathOf,
  setUpEngine,
} from "./cli/main.ts";

const D = EXPORT_DEFAULTS;

/** The command line of `deno task export`. */
export const command: Command = {
  usage: "deno task export --model-path PATH [flags]",
  about: "Writes a trained network for another program, reads it back, and " +
    "compares its\nfeatures with our own on patches.",
  flags: {
    "model-path": MODEL_PATH_FLAG,
    format: {
      type: "text",
      choices: EXPORT_FORMATS,
      help: `for which program (default ${D.format})`,
    },
    part: {
      type: "text",
      choices: EXPORT_PARTS,
      help: "the ResNet alone, or with the hidden layer after it (default: " +
        "the method's; EMP-SSL encoder)",
    },
    precision: {
      type: "text",
      choices: EXPORT_PRECISIONS,
      help: `number format of the weights (default ${D.precision})`,
    },
    batch: { type: "number", help: "fixed batch size (default: any)" },
    out: {
      type: "text",
      value: "DIR",
      help: "a new folder (default: RUN-FORMAT)",
    },
    engine: ENGINE_FLAG,
  },
  examples: [
    "deno task export --model-path runs/cifar10-1 --format onnx",
    "deno task export --model-path runs/x --format tfjs --precision fp16",
  ],
};

/** Default output folder: `runs/x-onnx` for `runs/x` and for a checkpoint in it. */
function folderFor(modelPath: string, format: string): string {
  // "." has no name of its own.
  const path = /(^|\/)\.{1,2}(\/|$)/.test(modelPath)
    ? resolve(modelPath)
    : modelPath;
  const run = path.replace(/\/+$/, "")
    .replace(/\/[^/]*\.safetensors$/, "");
  return `${run.replace(/\.safetensors$/, "")}-${format}`;
}

/** See the module's description. */
export async function run(values: Values): Promise<void> {
  const path = modelPathOf(values, "export");
  for (const fault of readCheckpointInfo(path).damaged) {
    console.error(`Skipped a damaged checkpoint: ${fault}`);
  }
  const format = (values.format ?? D.format) as ExportFormat;
  const config = {
    modelPath: path,
    out: String(values.out ?? folderFor(path, format)),
    format,
    part: values.part as ExportPart | undefined,
    precision: (values.precision ?? D.precision) as ExportPrecision,
    batch: values.batch as number | undefined,
    engine: (values.engine ?? D.engine) as EngineChoice,
  };
  checkExportChoices(config);
  makeExportFolder(config.out);
  await setUpEngine(config);
  const { out, files, distance } = await exportModel(config);
  console.log(`Wrote ${files.join(", ")} to ${out}`);
  console.log(
    `Features differ from ours by ${distance.toExponential(1)} (relative)`,
  );
}

if (import.meta.main) await main(command, run);
