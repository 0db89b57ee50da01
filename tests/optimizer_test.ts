/** The learning rate schedules, and the clipping of LARS. */
import { assertAlmostEquals } from "@std/assert";
import golden from "../fixtures/schedule.json" with { type: "json" };
import * as tf from "../src/deps/tfjs.ts";
import { larsGradient, OPTIMIZER } from "../src/model/lars.ts";
import { learningRate, type Schedule } from "../src/model/schedule.ts";
import { loadEngine } from "../src/engine/load.ts";

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
