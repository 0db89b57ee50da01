/** Every kind of graph that runs on a GPU, traced with a GPU's settings. */
import { importTfjs } from "../src/deps/tfjs_backends.ts";
import type { TrainerOptions } from "../src/engine/engine.ts";
import { traceEncoder, traceStep } from "../src/engine/trace/step_graph.ts";
import type { NodeDef } from "../src/engine/trace/messages.ts";
import {
  type Architecture,
  ARCHITECTURES,
} from "../src/model/architectures.ts";
import { METHOD_NAMES, METHODS } from "../src/model/methods/methods.ts";
import { modelOf } from "../src/model/model_of.ts";
import { OPTIMIZER } from "../src/model/optimizer.ts";

// Registers tfjs's gradient functions, which tracing needs.
await importTfjs();

function optionsOf({ model, patchSize }: Architecture): TrainerOptions {
  return {
    ...{ images: 4, patches: 4, patchSize: Math.min(patchSize, 64) },
    // Operations and their types do not depend on the widths.
    model: { ...model, width: 8, hidden: 32, embedding: 16 },
    loss: { patchSim: 200, tcr: 1, eps: 0.2 },
    optimizer: OPTIMIZER,
  };
}

/** The name and the nodes of each graph. */
export function* gpuGraphs(): Generator<
  [name: string, nodes: readonly NodeDef[]]
> {
  yield* graphsOfMethods();
  const own = [0, 1].map((slot) => ({ device: `/device:GPU:${slot}`, slot }));
  for (const [arch, architecture] of Object.entries(ARCHITECTURES)) {
    const options = optionsOf(architecture);
    for (const precision of ["fp32", "bf16"] as const) {
      const settings = { precision, winograd: false };
      const name = `${arch}, ${precision}`;
      yield [`step of ${name}`, traceStep(options, settings).nodes];
      const full = {
        ...settings,
        stemChannels: 8,
        keepsAll: true,
        staged: true,
      };
      yield [`step of ${name}, filled up`, traceStep(options, full).nodes];
      const parts = { ...options, microBatch: 2 };
      yield [`micro-batches of ${name}`, traceStep(parts, settings).nodes];
      yield [`encoder of ${name}`, traceEncoder(options, settings).nodes];
      for (const syncBatchNorm of [false, true]) {
        const replicas = {
          ...{ count: 2, own, host: "/device:CPU:0", instance: 0 },
          ...{ communication: "nccl" as const, syncBatchNorm },
        };
        const graph = traceStep(options, {
          ...settings,
          staged: true,
          replicas,
        });
        const sync = syncBatchNorm ? " with --sync-bn" : "";
        yield [`two replicas of ${name}${sync}`, graph.nodes];
      }
    }
  }
}

/** The steps of the other methods, in one network and with replicas. */
function* graphsOfMethods(): Generator<
  [name: string, nodes: readonly NodeDef[]]
> {
  const own = [0, 1].map((slot) => ({ device: `/device:GPU:${slot}`, slot }));
  const replicas = {
    ...{ count: 2, own, host: "/device:CPU:0", instance: 0 },
    ...{ communication: "nccl" as const, syncBatchNorm: false },
  };
  for (const method of METHOD_NAMES.filter((name) => name !== "emp-ssl")) {
    const narrow = { width: 8, hidden: 32, embedding: 16 };
    const few = { predictor: 16, prototypes: 8, queue: 8 };
    const model = modelOf({ arch: "resnet18-cifar", model: narrow, method });
    for (const [name, value] of Object.entries(few)) {
      if (name in model.method!) model.method![name] = value;
    }
    const options = {
      ...{ images: 4, patches: 2, patchSize: 32, model },
      loss: { patchSim: 200, tcr: 1, eps: 0.2 },
      optimizer: METHODS[method].defaults(false).optimizer,
    };
    for (const precision of ["fp32", "bf16"] as const) {
      const settings = { precision, winograd: false };
      const name = `${method}, ${precision}`;
      yield [`step of ${name}`, traceStep(options, settings).nodes];
      const graph = traceStep(options, { ...settings, staged: true, replicas });
      yield [`two replicas of ${name}`, graph.nodes];
    }
  }
}
