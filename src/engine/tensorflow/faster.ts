/**
 * What a device computes faster by: which number format, and whether by XLA. Its
 * flags do not tell: of two processors with the same vector instructions for bfloat16
 * one took 0.6 of the time of fp32 and the other 1.6 times as long, and GPUs before
 * Ampere emulate it.
 *
 * @module
 */
import type { Precision } from "../engine.ts";
import { attr, GraphBuilder, type GraphValue } from "../trace/graph.ts";
import { DType } from "../trace/messages.ts";
import type { TensorFlowC } from "./c_api.ts";
import { GraphSession } from "./graph_session.ts";
import type { SessionTarget } from "./session_target.ts";
import type { SessionConfig } from "./session_config.ts";

/**
 * A convolution as ResNet-18 has them: about 1.2 GFLOP; as many images on a GPU that
 * starting its kernels does not count.
 */
const IMAGES = { CPU: 64, GPU: 2048 }, SIDES = [16, 16, 64];
const FILTER = [3, 3, 64, 64];
const RUNS = 5;
/** bf16 costs precision: it is used where it takes less than this of the time. */
const MAX_TIME_RATIO = 0.85;

/**
 * A tensor of one number that is fed: a whole tensor would take longer to reach a GPU
 * than what is timed.
 */
export function filled(graph: GraphBuilder, shape: number[]): GraphValue {
  const value = graph.placeholder("x", DType.float, []);
  const name = graph.node("Fill", [graph.ints(shape), value], {
    T: attr.type(DType.float),
    index_type: attr.type(DType.int32),
  });
  return { name, dtype: DType.float, shape };
}

/** A number to be fed. */
export const HALF = { name: "x", shape: [], values: Float32Array.of(0.5) };

/** One convolution and its weight gradient in each format. */
function buildGraph(shape: number[]): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const feed = filled(graph, shape);
  const filter = graph.fill(FILTER, 0.01);
  for (const dtype of [DType.float, DType.bfloat16]) {
    const T = attr.type(dtype);
    const attributes = {
      T,
      strides: attr.ints([1, 1, 1, 1]),
      padding: attr.text("SAME"),
      data_format: attr.text("NHWC"),
    };
    const x = graph.cast(feed, dtype);
    const y: GraphValue = {
      name: graph.node("Conv2D", [x, graph.cast(filter, dtype)], attributes),
      dtype,
      shape,
    };
    const gradient: GraphValue = {
      name: graph.node(
        "Conv2DBackpropFilter",
        [x, graph.ints(FILTER), y],
        attributes,
      ),
      dtype,
      shape: FILTER,
    };
    const out = graph.cast(gradient, DType.float);
    const name = dtype === DType.float ? "fp32" : "bf16";
    graph.node("L2Loss", [out], { T: attr.type(DType.float) }, name);
  }
  return graph.graphDef();
}

/** Times both number formats, for some hundredths of a second. */
export async function fasterPrecision(
  c: TensorFlowC,
  target: SessionTarget,
  gpu: boolean,
): Promise<"fp32" | "bf16"> {
  const shape = [gpu ? IMAGES.GPU : IMAGES.CPU, ...SIDES];
  using session = GraphSession.load(c, buildGraph(shape), target);
  const best = { fp32: Infinity, bf16: Infinity };
  try {
    for (let run = 0; run <= RUNS; run++) {
      for (const precision of ["fp32", "bf16"] as const) {
        const begin = performance.now();
        await session.run([HALF], [precision]);
        const taken = performance.now() - begin;
        if (run > 0) best[precision] = Math.min(best[precision], taken);
      }
    }
  } catch {
    // Some processors have no kernel for a convolution in bf16.
    return "fp32";
  }
  return best.bf16 < MAX_TIME_RATIO * best.fp32 ? "bf16" : "fp32";
}

/** XLA compiles for some seconds: it is used where it takes less than this. */
const MAX_XLA_RATIO = 0.95;
/** Layers of the chain that is timed. */
const LAYERS = 8;

/** Convolutions with batch norms, ReLUs and additions between: what XLA fuses. */
function residualGraph(
  shape: number[],
  precision: Precision,
): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const dtype = precision === "bf16" ? DType.bfloat16 : DType.float;
  const T = attr.type(dtype), channels = shape.at(-1)!;
  const filter = graph.cast(graph.fill(FILTER, 0.01), dtype);
  const ones = graph.fill([channels], 1), none = graph.fill([0], 0);
  let y = graph.cast(filled(graph, shape), dtype);
  for (let layer = 0; layer < LAYERS; layer++) {
    const named = (name: string): GraphValue => ({ name, dtype, shape });
    const convolved = named(graph.node("Conv2D", [y, filter], {
      ...{ T, strides: attr.ints([1, 1, 1, 1]) },
      ...{ padding: attr.text("SAME"), data_format: attr.text("NHWC") },
    }));
    const normed = named(graph.node(
      "FusedBatchNormV3",
      [convolved, ones, ones, none, none],
      {
        ...{ T, U: attr.type(DType.float), epsilon: attr.float(1e-5) },
        ...{ data_format: attr.text("NHWC"), is_training: attr.bool(true) },
      },
    ));
    const added = named(graph.node("AddV2", [normed, y], { T }));
    y = named(graph.node("Relu", [added], { T }));
  }
  const out = graph.cast(y, DType.float);
  graph.node("L2Loss", [out], { T: attr.type(DType.float) }, "y");
  return graph.graphDef();
}

/** Whether XLA's code is faster, compiled and warm. */
export async function isFasterByXla(
  c: TensorFlowC,
  config: SessionConfig,
  precision: Precision,
): Promise<boolean> {
  const shape = [IMAGES.GPU, ...SIDES];
  const graph = residualGraph(shape, precision);
  const best = async (xla: boolean) => {
    const target = { config: { ...config, xla } };
    using session = GraphSession.load(c, graph, target);
    let least = Infinity;
    for (let run = 0; run <= RUNS; run++) {
      const begin = performance.now();
      await session.run([HALF], ["y"]);
      if (run > 0) least = Math.min(least, performance.now() - begin);
    }
    return least;
  };
  try {
    return await best(true) < MAX_XLA_RATIO * await best(false);
  } catch {
    // XLA cannot compile here, as where it does not find CUDA's libdevice.
    return false;
  }
}
