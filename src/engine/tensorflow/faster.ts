/**
 * Measures which number format is faster on a device, and whether XLA is. The
 * device's feature flags do not show it: of two CPUs with the same bfloat16 vector
 * instructions, bfloat16 took 0.6 times as long as fp32 on one and 1.6 times as long
 * on the other, and GPUs before Ampere emulate bfloat16.
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
 * A convolution like those of ResNet-18, about 1.2 GFLOP on a CPU; on a GPU with so
 * many images that the time of kernel launches does not matter.
 */
const IMAGES = { CPU: 64, GPU: 2048 }, SIDES = [16, 16, 64];
const FILTER = [3, 3, 64, 64];
const RUNS = 5;
/** bf16 costs precision: it is used if it takes less than this share of the time. */
const MAX_TIME_RATIO = 0.85;

/**
 * A tensor filled with one fed number: copying a whole tensor to a GPU would take
 * longer than the computation that is timed.
 */
export function filled(graph: GraphBuilder, shape: number[]): GraphValue {
  const value = graph.placeholder("x", DType.float, []);
  const name = graph.node("Fill", [graph.ints(shape), value], {
    T: attr.type(DType.float),
    index_type: attr.type(DType.int32),
  });
  return { name, dtype: DType.float, shape };
}

/** The feed of {@linkcode filled}'s placeholder. */
const HALF = { name: "x", shape: [], values: Float32Array.of(0.5) };

/**
 * The least seconds that each of some nodes took, which run in turn, after a first run
 * of each that does not count.
 */
export async function leastSeconds(
  session: GraphSession,
  names: string[],
): Promise<number[]> {
  const least = names.map(() => Infinity);
  for (let run = 0; run <= RUNS; run++) {
    for (const [i, name] of names.entries()) {
      const begin = performance.now();
      await session.run([HALF], [name]);
      const seconds = (performance.now() - begin) / 1000;
      if (run > 0) least[i] = Math.min(least[i]!, seconds);
    }
  }
  return least;
}

const CONVOLUTION = {
  strides: attr.ints([1, 1, 1, 1]),
  padding: attr.text("SAME"),
  data_format: attr.text("NHWC"),
};

/** How often a GPU, on which one convolution takes as long as a call, repeats it. */
const REPEATS = { CPU: 1, GPU: 8 };

/** Convolutions and a weight gradient in each format. */
function buildGraph(
  shape: number[],
  repeats: number,
): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const feed = filled(graph, shape);
  const filter = graph.fill(FILTER, 0.01);
  for (const dtype of [DType.float, DType.bfloat16]) {
    const x = graph.cast(feed, dtype), taps = graph.cast(filter, dtype);
    let y = x;
    for (let i = 0; i < repeats; i++) {
      y = graph.value("Conv2D", [y, taps], shape, CONVOLUTION);
    }
    const gradient = graph.value(
      "Conv2DBackpropFilter",
      [x, graph.ints(FILTER), y],
      FILTER,
      CONVOLUTION,
    );
    const out = graph.cast(gradient, DType.float);
    const name = dtype === DType.float ? "fp32" : "bf16";
    graph.node("L2Loss", [out], { T: attr.type(DType.float) }, name);
  }
  return graph.graphDef();
}

/** Times both number formats, which takes some hundredths of a second. */
export async function fasterPrecision(
  c: TensorFlowC,
  target: SessionTarget,
  gpu: boolean,
): Promise<"fp32" | "bf16"> {
  const device = gpu ? "GPU" : "CPU";
  const graph = buildGraph([IMAGES[device], ...SIDES], REPEATS[device]);
  using session = GraphSession.load(c, graph, target);
  try {
    const [fp32, bf16] = await leastSeconds(session, ["fp32", "bf16"]);
    return bf16! < MAX_TIME_RATIO * fp32! ? "bf16" : "fp32";
  } catch {
    // Some CPUs have no kernel for a bf16 convolution.
    return "fp32";
  }
}

/** Compiling takes seconds: XLA is used if it takes less than this share of the time. */
const MAX_XLA_RATIO = 0.95;
/** Layers of the chain that is timed. */
const LAYERS = 8;

/** Convolutions with batch norms, additions and ReLUs, which XLA fuses. */
function residualGraph(
  shape: number[],
  precision: Precision,
): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const dtype = precision === "bf16" ? DType.bfloat16 : DType.float;
  const channels = shape.at(-1)!;
  const filter = graph.cast(graph.fill(FILTER, 0.01), dtype);
  const ones = graph.fill([channels], 1), none = graph.fill([0], 0);
  let y = graph.cast(filled(graph, shape), dtype);
  for (let layer = 0; layer < LAYERS; layer++) {
    const convolved = graph.value("Conv2D", [y, filter], shape, CONVOLUTION);
    const normed = graph.value(
      "FusedBatchNormV3",
      [convolved, ones, ones, none, none],
      shape,
      {
        ...{ U: attr.type(DType.float), epsilon: attr.float(1e-5) },
        ...{ data_format: attr.text("NHWC"), is_training: attr.bool(true) },
      },
    );
    y = graph.value("Relu", [graph.value("AddV2", [normed, y], shape)], shape);
  }
  const out = graph.cast(y, DType.float);
  graph.node("L2Loss", [out], { T: attr.type(DType.float) }, "y");
  return graph.graphDef();
}

/** Whether XLA is faster on a GPU, not counting compilation. */
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
    const [least] = await leastSeconds(session, ["y"]);
    return least!;
  };
  try {
    return await best(true) < MAX_XLA_RATIO * await best(false);
  } catch {
    // XLA cannot compile on this machine, for example without CUDA's libdevice.
    return false;
  }
}
