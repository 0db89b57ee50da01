/** Tracing: the size of the graph, and what is refused. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "../../src/deps/tfjs.ts";
import { traceWholeStep } from "../../src/engine/trace/step_graph.ts";
import { ARCHITECTURES } from "../../src/model/architectures.ts";
import { OPTIMIZER } from "../../src/model/optimizer.ts";
import type { TrainerOptions } from "../../src/engine/engine.ts";
import { TRACE_BACKEND } from "../../src/engine/trace/backend.ts";

const OPTIONS: TrainerOptions = {
  model: ARCHITECTURES["resnet18-cifar"]!.model,
  images: 100,
  patches: 20,
  patchSize: 32,
  loss: { patchSim: 200, tcr: 1, eps: 0.2 },
  optimizer: OPTIMIZER,
};

Deno.test("traceWholeStep() makes a small graph", () => {
  const graph = traceWholeStep(OPTIONS, { precision: "bf16" }).graphDef();
  assert(graph.length < 500_000, `${graph.length} bytes`);
});

Deno.test("--sync-bn in bf16 makes no copy of a map in full precision", () => {
  const casts = (syncBatchNorm: boolean) => {
    const own = [0, 1].map((slot) => ({ device: "/device:CPU:0", slot }));
    const replicas = {
      ...{ count: 2, own, host: "/device:CPU:0", instance: 0 },
      ...{ communication: "ring" as const, syncBatchNorm },
    };
    const settings = { precision: "bf16" as const, replicas };
    return traceWholeStep(OPTIONS, settings).nodes
      .filter(({ op }) => op === "Cast").length;
  };
  assertEquals(casts(true), casts(false));
});

Deno.test("tracing refuses a kernel that it does not know, by name", () => {
  const before = tf.getBackend();
  tf.setBackend(TRACE_BACKEND);
  try {
    assertThrows(() => tf.erf(tf.tensor1d([1])), Error, "Erf");
  } finally {
    tf.setBackend(before);
  }
});
