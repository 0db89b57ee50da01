/** The faster convolutions against TensorFlow's own. */
import { assert, assertEquals } from "@std/assert";
import {
  attr,
  GraphBuilder,
  type GraphValue,
} from "../../src/engine/trace/graph.ts";
import { DType } from "../../src/engine/trace/messages.ts";
import { SmallMapConvolution } from "../../src/engine/trace/small_maps.ts";
import { stridedFilterGradient } from "../../src/engine/trace/strided_gradient.ts";
import { Winograd, winogradTile } from "../../src/engine/trace/winograd.ts";
import { hashed } from "../formula.ts";
import { useTensorFlow } from "./engine.ts";

const { ignore, reason, engine } = await useTensorFlow("fp32");
const N = 3, C = 8, K = 5;
const { float, bfloat16 } = DType;

/** The distance between the values of each pair, relative to the first's norm. */
async function distancesOf(
  graph: GraphBuilder,
  feeds: GraphValue[],
  pairs: [GraphValue, GraphValue][],
): Promise<number[]> {
  const names = pairs.map(([direct, fast], i) => {
    assertEquals(fast.shape, direct.shape);
    const values = { direct, fast: graph.cast(fast, float) };
    return Object.entries(values).map(([kind, value]) => {
      const name = `${kind}/${i}`;
      graph.node("Identity", [value], { T: attr.type(float) }, name);
      return name;
    });
  });
  using session = engine!.session(graph.graphDef());
  const values = feeds.map(({ name, shape }, seed) => ({
    name,
    shape,
    values: hashed(shape.reduce((a, b) => a * b), seed, 1),
  }));
  const distances: number[] = [];
  for (const pair of names) {
    const [direct, fast] = await session.run(values, pair);
    const size = Math.hypot(...direct);
    distances.push(Math.hypot(...direct.map((v, i) => v - fast[i])) / size);
  }
  return distances;
}

type Fast = Pick<Winograd, "forward" | "inputGradient" | "filterGradient">;

/** How far the three passes differ, by TensorFlow's convolutions and the faster. */
async function differences(
  side: number,
  faster: (graph: GraphBuilder) => Fast,
): Promise<number[]> {
  const graph = new GraphBuilder();
  const x = graph.placeholder("x", float, [N, side, side, C]);
  const filter = graph.placeholder("filter", float, [3, 3, C, K]);
  const dy = graph.placeholder("dy", float, [N, side, side, K]);
  const own = {
    strides: attr.ints([1, 1, 1, 1]),
    padding: attr.text("SAME"),
    data_format: attr.text("NHWC"),
  };
  const tiles = faster(graph);
  const pairs: [GraphValue, GraphValue][] = [
    [
      graph.value("Conv2D", [x, filter], dy.shape, own),
      tiles.forward(x, filter),
    ],
    [
      graph.value(
        "Conv2DBackpropInput",
        [
          graph.ints(x.shape),
          filter,
          dy,
        ],
        x.shape,
        { ...own, T: attr.type(float) },
        float,
      ),
      tiles.inputGradient(dy, filter),
    ],
    [
      graph.value(
        "Conv2DBackpropFilter",
        [
          x,
          graph.ints(filter.shape),
          dy,
        ],
        filter.shape,
        own,
      ),
      tiles.filterGradient(x, dy),
    ],
  ];
  return await distancesOf(graph, [x, filter, dy], pairs);
}

for (const m of [2, 4] as const) {
  for (const side of [2, 4, 7, 8, 14, 16]) {
    Deno.test({
      name: `tiles of ${m}×${m} convolve maps of ${side}×${side} as ` +
        `TensorFlow does${reason}`,
      ignore,
      async fn() {
        const tiles = (graph: GraphBuilder) =>
          new Winograd({ graph }, m, side, float);
        for (const found of await differences(side, tiles)) {
          assert(found < 1e-5, `${found}`);
        }
      },
    });
  }
}

Deno.test({
  name: `tiles of 2×2 err by under 1 % in bfloat16${reason}`,
  ignore,
  async fn() {
    const tiles = (graph: GraphBuilder) =>
      new Winograd({ graph }, 2, 8, bfloat16);
    for (const found of await differences(8, tiles)) {
      assert(found < 0.01 && found > 1e-4, `${found}`);
    }
  },
});

for (const side of [1, 2] as const) {
  Deno.test({
    name: `maps of ${side}×${side} convolve as TensorFlow does${reason}`,
    ignore,
    async fn() {
      for (const [dtype, most] of [[float, 1e-6], [bfloat16, 6e-3]] as const) {
        const small = (graph: GraphBuilder) =>
          new SmallMapConvolution({ graph }, side, dtype);
        for (const found of await differences(side, small)) {
          assert(found < most, `${found}`);
        }
      }
    },
  });
}

for (const [side, kernel] of [[6, 3], [10, 3], [4, 1]] as const) {
  Deno.test({
    name:
      `a ${kernel}×${kernel} filter of stride 2 has TensorFlow's gradient ` +
      `on maps of ${side}×${side}${reason}`,
    ignore,
    async fn() {
      const graph = new GraphBuilder();
      const out = Math.floor((side - kernel) / 2) + 1;
      const shape = [kernel, kernel, C, K];
      const x = graph.placeholder("x", float, [N, side, side, C]);
      const dy = graph.placeholder("dy", float, [N, out, out, K]);
      const own = {
        strides: attr.ints([1, 2, 2, 1]),
        padding: attr.text("VALID"),
        data_format: attr.text("NHWC"),
      };
      const inputs = [x, graph.ints(shape), dy];
      const direct = graph.value("Conv2DBackpropFilter", inputs, shape, own);
      const byTaps = stridedFilterGradient(graph, { x, dy, shape });
      const pairs: [GraphValue, GraphValue][] = [[direct, byTaps]];
      const [found] = await distancesOf(graph, [x, dy], pairs);
      assert(found < 1e-6, `${found}`);
    },
  });
}

Deno.test("large maps, few channels and few images are convolved directly", () => {
  const tile = (
    dtype: number,
    side: number,
    channels: number,
    pass: "forward" | "filterGradient" = "forward",
    images = 100,
  ) => winogradTile(dtype, pass, { images, side, channels });
  assertEquals(tile(float, 32, 64), undefined);
  assertEquals(tile(float, 8, 256), 4);
  assertEquals(tile(bfloat16, 8, 256), undefined);
  assertEquals(tile(bfloat16, 4, 512), 2);
  assertEquals(tile(bfloat16, 7, 512), undefined);
  assertEquals(tile(bfloat16, 8, 128), undefined);
  assertEquals(tile(bfloat16, 8, 128, "filterGradient"), 2);
  assertEquals(tile(float, 8, 256, "forward", 3), 4);
  assertEquals(tile(float, 8, 256, "forward", 2), undefined);
});
