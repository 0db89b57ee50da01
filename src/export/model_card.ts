/**
 * The README beside an exported network, for people: how to load it, and how to prepare
 * its input. For programs there is `preprocessing.ts`.
 *
 * @module
 */
import { basename } from "node:path";
import { dataName } from "../data/own_data.ts";
import { backboneWidth } from "../model/blocks.ts";
import { viewCount } from "../model/methods/method.ts";
import { methodOf } from "../model/methods/methods.ts";
import {
  pixelsOf,
  type ResolvedConfig,
  trainSource,
} from "../checkpoint/run_config.ts";
import { losesEdges, recipeOf } from "../patches/recipe.ts";
import { channelsFirst, inputShape } from "./preprocessing.ts";
import {
  type ExportFormat,
  type ExportRequest,
  featureWidth,
  INPUT,
  OUTPUT,
} from "./request.ts";

/** The width of torchvision's ResNets. */
const TORCHVISION_WIDTH = 64;

/**
 * Lines of Python that load a backbone, or EMP-SSL's encoder, into torchvision's network.
 */
function torchvisionLines({ part, model }: ExportRequest): string[] {
  const { depth, stem, channels, width, stemPadding = 1, hidden } = model;
  const isEncoder = part === "encoder";
  const name = isEncoder ? "backbone" : "model";
  const isCifar = stem === "cifar";
  const conv = isCifar ? `3, 1, ${stemPadding}` : "7, 2, 3";
  const ownConv = isCifar || channels !== 3;
  return [
    ...isEncoder ? ["from collections import OrderedDict"] : [],
    "import safetensors.torch, torchvision",
    "from torch import nn",
    "",
    `${name} = torchvision.models.resnet${depth}()`,
    ...ownConv
      ? [
        `${name}.conv1 = nn.Conv2d(${channels}, ${width}, ${conv}, bias=False)`,
      ]
      : [],
    ...isCifar ? [`${name}.maxpool = nn.Identity()`] : [],
    `${name}.fc = nn.Identity()`,
    ...isEncoder
      ? [
        "model = nn.Sequential(OrderedDict(",
        "    backbone=backbone,",
        "    pre_feature=nn.Sequential(",
        `        nn.Linear(${backboneWidth(model)}, ${hidden}),`,
        `        nn.BatchNorm1d(${hidden}), nn.ReLU()),`,
        "))",
      ]
      : [],
    'model.load_state_dict(safetensors.torch.load_file("model.safetensors"))',
    "model.eval()",
  ];
}

/** Whether {@linkcode torchvisionLines} can load it. */
function isTorchvision({ part, model }: ExportRequest): boolean {
  return model.width === TORCHVISION_WIDTH &&
    (part === "backbone" || methodOf(model).name === "emp-ssl");
}

const USE: Record<ExportFormat, (request: ExportRequest) => string> = {
  safetensors: (request) =>
    isTorchvision(request)
      ? `\`\`\`python\n${torchvisionLines(request).join("\n")}\n\`\`\``
      : `\`\`\`python
import safetensors.torch

tensors = safetensors.torch.load_file("model.safetensors")
\`\`\`

${
        request.part === "backbone"
          ? `The names are those of torchvision's ResNets, of a network whose first
convolution has ${request.model.width} filters.`
          : `The names are PyTorch's, with the ResNet under \`backbone\`; in EMP-SSL they are
those of the authors' \`model/model.py\`.`
      }`,
  onnx: () =>
    `\`\`\`python
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
(features,) = session.run(["${OUTPUT}"], {"${INPUT}": patches})
\`\`\``,
  savedmodel: () =>
    `\`\`\`python
import tensorflow as tf

serve = tf.saved_model.load("savedmodel").signatures["serving_default"]
features = serve(${INPUT}=patches)["${OUTPUT}"]
\`\`\`

where this folder is called \`savedmodel\`.`,
  tfjs: () =>
    `\`\`\`js
import * as tf from "@tensorflow/tfjs";

const model = await tf.loadGraphModel("model.json");
const features = model.predict(patches);
\`\`\``,
};

/** How the cache of a run has changed its images. */
function shrinkText(config: ResolvedConfig): string {
  const side = trainSource(config).cache?.side;
  return side === undefined
    ? ""
    : `\nImages were first reduced to ${side} pixels on the shorter side (\`--cache\`).`;
}

/** What the input is, and how the feature of an image is computed. */
function inputOf({ model, patchSize }: ExportRequest, config: ResolvedConfig) {
  const size = `${patchSize}×${patchSize} pixels, ${inputText(config)}`;
  if (methodOf(model).protocol === "whole") {
    return `The input is the whole image: its central square${
      losesEdges(patchSize) ? " (224/256 of the shorter side)" : ""
    }, resized to\n${size}.${shrinkText(config)}`;
  }
  return `The input is patches, not whole images: crops of ${
    areaText(config)
  } of an image's area
(aspect ratio ${ratioText(config)}), resized with ${
    recipeOf(config.recipe).interpolation
  } filtering to
${size}. The feature of
an image is the mean over 16 to 128 of its patches, which \`deno task embed\` and
\`evaluate\` cut with the whole augmentation of the training (${
    augmentationText(config)
  }).${shrinkText(config)}`;
}

/** The parts of a recipe that are applied: `flip, colour jitter`. */
function augmentationText({ recipe }: ResolvedConfig): string {
  const { flip, jitter, grayscale, blur, solarize } = recipeOf(recipe);
  const parts: [string, number][] = [
    ["flip", flip],
    ["colour jitter", jitter.probability],
    ["greyscale", grayscale],
    ["blur", blur.probability],
    ["solarisation", solarize],
  ];
  const applied = parts.filter(([, share]) => share > 0).map(([name]) => name);
  return applied.join(", ") || "random crops alone";
}

/** The area of a crop: `a quarter`, or in percent. */
function areaText({ recipe }: ResolvedConfig): string {
  const { scale: [low, high] } = recipeOf(recipe).crop;
  if (low === 0.25 && high === 0.25) return "a quarter";
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  return low === high ? percent(low) : `${percent(low)} to ${percent(high)}`;
}

/** The aspect ratios of crops: `1`, or `0.75 to 1.33`. */
function ratioText({ recipe }: ResolvedConfig): string {
  const [low, high] = recipeOf(recipe).crop.ratio;
  const digits = (ratio: number) => `${Number(ratio.toFixed(2))}`;
  return low === high ? digits(low) : `${digits(low)} to ${digits(high)}`;
}

/** `RGB, (x/255 − mean)/std`, with the numbers filled in. */
function inputText(config: ResolvedConfig): string {
  const { channels, bits } = pixelsOf(config);
  const { normalize } = recipeOf(config.recipe);
  const color = channels === 3
    ? "RGB"
    : channels === 1
    ? "grey"
    : `${channels} bands`;
  const [mean, std] = normalize === undefined
    ? ["½", "½"]
    : [`[${normalize.mean.join(", ")}]`, `[${normalize.std.join(", ")}]`];
  return `${color}, (x/${2 ** bits - 1} − ${mean})/${std}`;
}

/** The input's shape in words: `N×C×H×W: N × 3 × 32 × 32`. */
function shapeText(
  format: ExportFormat,
  { model, batch, patchSize }: ExportRequest,
): string {
  const { channels = 3 } = model;
  const shape = inputShape(format, { rows: batch ?? "N", channels, patchSize });
  const order = channelsFirst(format) ? "N×C×H×W" : "N×H×W×C";
  return `${order}: ${shape.join(" × ")}`;
}

/** A README for the folder. */
export function modelCard(
  format: ExportFormat,
  request: ExportRequest,
  { config, step, distance }: {
    config: ResolvedConfig;
    step: number;
    distance: number;
  },
): string {
  const { part, precision } = request;
  const method = methodOf(request.model);
  const views = viewCount(method) === undefined ? "patches" : "views";
  const rows: [string, unknown][] = [
    ["method", method.title],
    ["architecture", config.arch],
    [
      "part",
      part === "backbone"
        ? "the ResNet"
        : "the ResNet and the hidden layer after it",
    ],
    ["features", featureWidth(request)],
    [
      "trained on",
      `${dataName(config.data)}, ${config.images} images` +
      (config.init === undefined ? ", no labels" : ""),
    ],
    ...(config.init === undefined
      ? []
      : [["initial weights", basename(config.init)]] as [string, unknown][]),
    ["steps", `${step} of ${config.steps}`],
    ["batch", `${config.bs} images × ${config.numPatches} ${views}`],
    ["learning rate, seed", `${config.lr}, ${config.seed}`],
    ["weights", precision],
    ["relative difference from our own features", distance.toExponential(1)],
  ];
  const table = rows.map(([name, value]) => `| ${name} | ${value} |`);
  return `# ${config.arch}, trained by ${method.title}

| | |
| --- | --- |
${table.join("\n")}

## Use

${USE[format](request)}

${inputOf(request, config)}
The input's values are float32 in the order ${shapeText(format, request)}.
\`preprocessing.json\` has the same facts for programs.
`;
}
