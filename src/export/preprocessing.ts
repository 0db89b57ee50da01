/**
 * `preprocessing.json` of an exported network: how programs prepare its input.
 *
 * @module
 */
import {
  pixelsOf,
  type ResolvedConfig,
  trainSource,
} from "../checkpoint/run_config.ts";
import { methodOf } from "../model/methods/methods.ts";
import { losesEdges, recipeOf } from "../patches/recipe.ts";
import {
  type ExportFormat,
  type ExportRequest,
  featureWidth,
  INPUT,
  OUTPUT,
} from "./request.ts";

/** The input that a network expects, and its output, as plain data. */
export function preprocessing(
  format: ExportFormat,
  request: ExportRequest,
  config: ResolvedConfig,
): Record<string, unknown> {
  const { recipe } = config, { channels, bits } = pixelsOf(config);
  const { mean = [0.5], std = [0.5] } = recipeOf(recipe).normalize ?? {};
  const each = (list: readonly number[]) =>
    Array.from({ length: channels }, (_, c) => list[c % list.length]!);
  const { batch, patchSize } = request;
  const { crop, interpolation, flip, jitter, grayscale, blur, solarize } =
    recipeOf(recipe);
  const rows = batch ?? "any";
  return {
    input: {
      name: INPUT,
      type: "float32",
      layout: channelsFirst(format) ? "NCHW" : "NHWC",
      shape: inputShape(format, { rows, channels, patchSize }),
      color: channels === 3 ? "RGB" : channels === 1 ? "grey" : "bands",
      values: `(x / ${2 ** bits - 1} - mean) / std`,
      mean: each(mean),
      std: each(std),
    },
    output: {
      name: OUTPUT,
      type: "float32",
      shape: [rows, featureWidth(request)],
    },
    // With --cache, images were stored with a shorter side of so many pixels.
    shrinkShorterSideTo: trainSource(config).cache?.side,
    ...methodOf(request.model).protocol === "whole"
      ? {
        image: {
          square: losesEdges(patchSize)
            ? "224 of 256 of the shorter side"
            : "central",
          resize: { side: patchSize, filter: interpolation },
        },
      }
      : {
        patches: {
          area: crop.scale,
          aspectRatio: crop.ratio,
          resize: { side: patchSize, filter: interpolation },
          augmentation: { flip, jitter, grayscale, blur, solarize },
          average: "the features of the 16 to 128 patches of an image",
        },
      },
  };
}

/** Whether the channels come before the rows, as in PyTorch. */
export function channelsFirst(format: ExportFormat): boolean {
  return format === "onnx" || format === "safetensors";
}

/** The input's shape, in the order of {@linkcode channelsFirst}. */
export function inputShape<Rows>(
  format: ExportFormat,
  { rows, channels, patchSize: side }: {
    rows: Rows;
    channels: number;
    patchSize: number;
  },
): (Rows | number)[] {
  return channelsFirst(format)
    ? [rows, channels, side, side]
    : [rows, side, side, channels];
}
