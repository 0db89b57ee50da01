/**
 * Measures whether a GPU's stem convolution is faster on an input that is
 * zero-padded in its channels: tensor cores multiply eight 16-bit numbers, or four
 * 32-bit ones, at a time, and an image has three channels. cuDNN pads some inputs
 * by itself, so only a measurement can decide.
 *
 * @module
 */
import type { Precision } from "../engine.ts";
import type { ConvSpec } from "../../model/blocks.ts";
import { attr, GraphBuilder } from "../trace/graph.ts";
import { DType } from "../trace/messages.ts";
import type { TensorFlowC } from "./c_api.ts";
import { filled, leastSeconds } from "./faster.ts";
import { GraphSession } from "./graph_session.ts";
import type { SessionTarget } from "./session_target.ts";

/** A stem and its input. */
export interface StemInput {
  /** The stem's convolution. */
  stem: ConvSpec;
  /** Patches per convolution. */
  rows: number;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** Number format. */
  precision: Precision;
}

/** The number of channels that suits tensor cores. */
export function tensorCoreChannels(precision: Precision): number {
  return precision === "bf16" ? 8 : 4;
}

/** Padding costs memory: it is used if it takes less than this share of the time. */
const MAX_TIME_RATIO = 0.95;

/** The convolution and its filter gradient, without and with padded channels. */
function buildGraph(
  { stem, rows, patchSize, precision }: StemInput,
): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const dtype = precision === "bf16" ? DType.bfloat16 : DType.float;
  const { side, input, output, stride } = stem;
  const images = [rows, patchSize, patchSize, input];
  const x = graph.cast(filled(graph, images), dtype);
  const taps = [side, side, input, output];
  const filter = graph.cast(graph.fill(taps, 0.01), dtype);
  const out = Math.ceil(patchSize / stride);
  const own = {
    strides: attr.ints([1, stride, stride, 1]),
    padding: attr.text("SAME"),
    data_format: attr.text("NHWC"),
  };
  for (const channels of [input, tensorCoreChannels(precision)]) {
    const isOwn = channels === input;
    const full = isOwn ? x : graph.filledUp(x, 3, channels);
    const shape = taps.with(2, channels);
    const y = graph.value(
      "Conv2D",
      [full, isOwn ? filter : graph.filledUp(filter, 2, channels)],
      [rows, out, out, output],
      own,
    );
    const gradient = graph.value(
      "Conv2DBackpropFilter",
      [full, graph.ints(shape), y],
      shape,
      own,
    );
    const sum = graph.cast(gradient, DType.float);
    graph.node(
      "L2Loss",
      [sum],
      { T: attr.type(DType.float) },
      `y/${channels}`,
    );
  }
  return graph.graphDef();
}

/** Seconds of a stem with its own channels, and with padded channels. */
export interface StemSeconds {
  own: number;
  filled: number;
}

/** Times a stem without and with padded channels. */
export async function stemSeconds(
  c: TensorFlowC,
  target: SessionTarget,
  stem: StemInput,
): Promise<StemSeconds> {
  using session = GraphSession.load(c, buildGraph(stem), target);
  const names = [stem.stem.input, tensorCoreChannels(stem.precision)]
    .map((channels) => `y/${channels}`);
  const [own, padded] = await leastSeconds(session, names);
  return { own: own!, filled: padded! };
}

/** Whether the stem's input should be padded. */
export function isFaster({ own, filled }: StemSeconds): boolean {
  return filled < MAX_TIME_RATIO * own;
}
