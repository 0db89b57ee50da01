/** The learning rate schedules, the clipping of LARS, and Muon. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import golden from "../fixtures/schedule.json" with { type: "json" };
import muon from "../fixtures/muon.json" with { type: "json" };
import * as tf from "../src/deps/tfjs.ts";
import { larsGradient } from "../src/model/lars.ts";
import { OPTIMIZER } from "../src/model/optimizer.ts";
import { learningRate, type Schedule } from "../src/model/schedule.ts";
import { convertLayout } from "../src/model/layout.ts";
import { muonStep, orthogonalize } from "../src/model/muon.ts";
import { loadEngine } from "../src/engine/load.ts";
import { hashed } from "./formula.ts";

Deno.test("learning rates are those of PyTorch's schedulers", () => {
  for (const { rates, schedule, ...options } of golden) {
    for (const [step, rate] of rates.entries()) {
      const ours = learningRate(step, {
        ...options,
        schedule: schedule as Schedule,
      });
      assertAlmostEquals(ours, rate, 1e-9);
    }
  }
});

Deno.test("LARS clips at the current or at the initial learning rate", async () => {
  await loadEngine({ engine: "cpu", precision: "fp32" });
  const p = [[0.3, -0.4]], g = [[3, 4]];
  const { eta, weightDecay } = OPTIMIZER;
  const local = eta * 0.5 / (5 + weightDecay * 0.5 + 1e-8);
  for (const current of [0.3, 1e-5]) {
    for (const clipRate of [undefined, 0.3, 1e-5]) {
      const scaled = larsGradient(
        tf.tensor(p),
        tf.tensor(g),
        tf.scalar(current),
        { ...OPTIMIZER, clipRate },
      );
      const scale = Math.min(local / (clipRate ?? current), 1);
      const wanted = scale * (g[0]![0]! + weightDecay * p[0]![0]!);
      assertAlmostEquals((await scaled.data())[0]!, wanted, 1e-6);
    }
  }
});

Deno.test("Muon moves a filter as torch.optim.Muon, relative to its norm", async () => {
  await loadEngine({ engine: "cpu", precision: "fp32" });
  for (const { shape, direction, parameter: wanted } of muon) {
    const [out, input, height, width] = shape as [
      number,
      number,
      number,
      number,
    ];
    const spec = {
      name: "conv",
      shape: [height, width, input, out],
      kind: "conv.weight" as const,
    };
    const columns = input * height * width, size = out * columns;
    const filter = (values: Float32Array) =>
      tf.tensor(convertLayout(spec, values, "tensorflow"), spec.shape);
    const gradient = (index: number) =>
      filter(
        hashed(size, index, 1).map((value, i) =>
          value * 10 ** (-2 * Math.floor(i / columns) / (out - 1))
        ),
      );
    const check = async (x: tf.Tensor, golden: number[], tolerance: number) => {
      const flat = await tf.reshape(x, spec.shape).data() as Float32Array;
      const torch = convertLayout(spec, flat, "torch");
      for (const [i, value] of golden.entries()) {
        assertAlmostEquals(torch[i * 7]!, value, tolerance);
      }
    };
    const matrix = tf.reshape(gradient(51), [-1, out]);
    await check(orthogonalize(matrix), direction, 1e-4);
    let parameter: tf.Tensor = filter(hashed(size, 50, 0.2));
    let buffer: tf.Tensor = tf.zeros(spec.shape);
    for (let step = 0; step < 3; step++) {
      const learningRate = tf.scalar(0.3 / (step + 1));
      const options = { learningRate, momentum: 0.9, trust: 0.2 };
      ({ parameter, buffer } = muonStep(
        parameter,
        buffer,
        gradient(51 + step),
        options,
      ));
    }
    await check(parameter, wanted, 1e-5);
  }
});

Deno.test("Muon leaves a filter without a gradient where it is", async () => {
  await loadEngine({ engine: "cpu", precision: "fp32" });
  const shape = [3, 3, 4, 8], zero = tf.zeros(shape);
  const before = tf.tensor(hashed(288, 1, 1), shape);
  const options = { learningRate: tf.scalar(0.3), momentum: 0.9, trust: 0.2 };
  const { parameter } = muonStep(before, zero, zero, options);
  assertEquals(await parameter.data(), await before.data());
});

Deno.test("a filter keeps its norm over many steps of Muon", async () => {
  await loadEngine({ engine: "cpu", precision: "fp32" });
  const shape = [3, 3, 4, 8];
  const gradient = tf.tensor(hashed(288, 2, 1), shape);
  const options = { learningRate: tf.scalar(1), momentum: 0.9, trust: 0.2 };
  let parameter: tf.Tensor = tf.tensor(hashed(288, 1, 1), shape);
  let buffer: tf.Tensor = tf.zeros(shape);
  const before = Math.hypot(...await parameter.data());
  for (let step = 0; step < 100; step++) {
    ({ parameter, buffer } = muonStep(parameter, buffer, gradient, options));
  }
  assertAlmostEquals(Math.hypot(...await parameter.data()), before, 1e-3);
});
