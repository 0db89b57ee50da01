/**
 * The convolutions of a training step and nothing else, through the same
 * engine: what the step could take at best.
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
import { resnet18Blocks } from "../../src/model/parameters.ts";

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

/** The convolutions of a ResNet-18 with the CIFAR stem. */
function convolutions({ width }: ModelConfig, patchSize: number) {
  const all: Convolution[] = [
    { side: patchSize, input: 3, output: width, kernel: 3, stride: 1 },
  ];
  let side = patchSize;
  for (const { input, output, stride } of resnet18Blocks(width)) {
    all.push({ side, input, output, kernel: 3, stride });
    if (stride !== 1) all.push({ side, input, output, kernel: 1, stride });
    side /= stride;
    all.push({ side, input: output, output, kernel: 3, stride: 1 });
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
 * Forward, gradient by the input and gradient by the filter of every
 * convolution, one after the other as in a step.
 *
 * @returns A function that makes them once.
 */
export async function convolutionStep(
  engine: GraphEngine,
  { model, precision, rows, patchSize }: ConvolutionOptions,
): Promise<() => Promise<unknown>> {
  const graph = new GraphBuilder();
  const dtype = precision === "bf16" ? DType.bfloat16 : DType.float;
  const T = attr.type(dtype);
  const maps = new Map<string, { value: GraphValue; write: string }>();
  let previous: string[] = [];

  /** A tensor that is filled once and then read. */
  const held = (key: string, shape: number[], value: number): GraphValue => {
    let map = maps.get(key);
    if (map === undefined) {
      const handle: GraphValue = {
        name: graph.node("VarHandleOp", [], {
          dtype: T,
          shape: attr.shape(shape),
          shared_name: attr.text(key),
          container: attr.text(""),
        }),
        dtype: DType.resource,
        shape: [],
      };
      const filled = graph.cast(graph.fill(shape, value), dtype);
      map = {
        write: graph.node("AssignVariableOp", [handle, filled], { dtype: T }),
        value: {
          name: graph.node("ReadVariableOp", [handle], { dtype: T }),
          dtype,
          shape,
        },
      };
      maps.set(key, map);
    }
    return map.value;
  };

  const ends: GraphValue[] = [];
  /** Its first number, so that TensorFlow has to compute it. */
  const use = (name: string) =>
    ends.push({
      name: graph.node("Slice", [
        { name, dtype, shape: [] },
        graph.ints([0, 0, 0, 0]),
        graph.ints([1, 1, 1, 1]),
      ], { T, Index: attr.type(DType.int32) }),
      dtype,
      shape: [1, 1, 1, 1],
    });

  convolutions(model, patchSize).forEach((c, i) => {
    const { side, input, output, kernel, stride } = c;
    // A stride of 2 reads a map that was padded by hand; see layers.ts.
    const padded = stride > 1 && kernel > 1 ? side + 2 : side;
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
    // Patches have no gradient.
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
  const writes = [...maps.values()].map(({ write }) => `^${write}`);
  graph.node("Identity", [graph.scalar(1), ...writes], {
    T: attr.type(DType.float),
  }, "filled");
  const session = engine.session(graph.graphDef());
  await session.run([], ["filled"]);
  return () => session.run([], ["total"]);
}
