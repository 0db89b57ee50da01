/**
 * The convolutions of a training step and nothing else, as direct convolutions in the
 * same engine.
 *
 * @module
 */
import type { Precision } from "../../src/engine/engine.ts";
import type { GraphEngine } from "../../src/engine/tensorflow/graph_engine.ts";
import {
  attr,
  GraphBuilder,
  type GraphValue,
} from "../../src/engine/trace/graph.ts";
import { DType } from "../../src/engine/trace/messages.ts";
import type { ModelConfig } from "../../src/model/architectures.ts";
import { HeldValues } from "./held_values.ts";
import { blocksOf, type ConvSpec, stemOf } from "../../src/model/blocks.ts";

/** One convolution of the network. */
interface Convolution {
  /** Side of the input map. */
  side: number;
  input: number;
  output: number;
  /** Side of the filter. */
  kernel: number;
  stride: number;
}

/** The convolutions of a ResNet. */
function convolutions(model: ModelConfig, patchSize: number) {
  const all: Convolution[] = [];
  const add = ({ side: kernel, input, output, stride }: ConvSpec) =>
    all.push({ side, input, output, kernel, stride });
  let side = patchSize;
  const stem = stemOf(model);
  add(stem);
  // The ImageNet stem has a max pooling of stride 2.
  side /= stem.stride * (model.stem === "imagenet" ? 2 : 1);
  for (const { convs, shortcut } of blocksOf(model)) {
    if (shortcut) add(shortcut);
    for (const conv of convs) {
      add(conv);
      side /= conv.stride;
    }
  }
  return all;
}

/** What to measure. */
export interface ConvolutionOptions {
  /** The network. */
  model: ModelConfig;
  /** Element type. */
  precision: Precision;
  /** Patches in a step. */
  rows: number;
  /** Side of a patch in pixels. */
  patchSize: number;
}

/**
 * Forward pass, filter gradient and input gradient of every convolution, one after the
 * other as in a step.
 *
 * @returns A function that computes them once.
 */
export async function convolutionStep(
  engine: GraphEngine,
  { model, precision, rows, patchSize }: ConvolutionOptions,
): Promise<() => Promise<unknown>> {
  const graph = new GraphBuilder();
  const dtype = precision === "bf16" ? DType.bfloat16 : DType.float;
  const T = attr.type(dtype);
  const values = new HeldValues(graph);
  let previous: string[] = [];

  const held = (name: string, shape: number[], value: number) =>
    values.hold(name, { shape, dtype, value });

  const ends: GraphValue[] = [];
  /** Adds a result's first number to the graph's output, so that it is computed. */
  const use = (name: string) =>
    ends.push(
      graph.slice({ name, dtype, shape: [] }, [0, 0, 0, 0], [1, 1, 1, 1]),
    );

  convolutions(model, patchSize).forEach((c, i) => {
    const { side, input, output, kernel, stride } = c;
    // A convolution of stride 2 reads an explicitly padded map: see layers.ts.
    const padded = stride > 1 ? side + kernel - 1 : side;
    const xShape = [rows, padded, padded, input];
    const filterShape = [kernel, kernel, input, output];
    const x = held(`x ${xShape}`, xShape, 0.1);
    const filter = held(`filter ${i}`, filterShape, 0.01 * (i + 1));
    const attributes = {
      T,
      strides: attr.ints([1, stride, stride, 1]),
      padding: attr.text(padded > side ? "VALID" : "SAME"),
      data_format: attr.text("NHWC"),
    };
    const y = graph.node("Conv2D", [x, filter, ...previous], attributes);
    const dy: GraphValue = { name: y, dtype, shape: [] };
    const byFilter = graph.node("Conv2DBackpropFilter", [
      x,
      graph.ints(filterShape),
      dy,
    ], attributes);
    use(byFilter);
    previous = [`^${byFilter}`];
    // The stem needs no input gradient.
    if (i === 0) return;
    const byInput = graph.node("Conv2DBackpropInput", [
      graph.ints(xShape),
      filter,
      dy,
      ...previous,
    ], attributes);
    use(byInput);
    previous = [`^${byInput}`];
  });
  const total = graph.node("AddN", ends, { T, N: attr.int(ends.length) });
  graph.node("Cast", [{ name: total, dtype, shape: [] }], {
    SrcT: T,
    DstT: attr.type(DType.float),
  }, "total");
  values.finish("filled");
  const session = engine.session(graph.graphDef());
  await session.run([], ["filled"]);
  return () => session.run([], ["total"]);
}
