/**
 * Our step for bench/bench.ts: for each line it makes a step and prints its seconds and
 * the peak memory in kB. `--only convolution` computes the step's convolutions alone;
 * `--losses N` makes N steps and prints their losses; `--kernels` prints the kernels of
 * a step as JSON; `--only stem` prints the seconds of its stem with three channels, and
 * with the channels padded to the number that suits tensor cores.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { openTensorFlow } from "../../src/engine/tensorflow/c_api.ts";
import { GraphEngine } from "../../src/engine/tensorflow/graph_engine.ts";
import { loadTensorFlow } from "../../src/engine/tensorflow/load.ts";
import { engineConfig } from "../../src/engine/tensorflow/session_config.ts";
import type { Precision } from "../../src/engine/engine.ts";
import { isForPhotographs } from "../../src/model/architectures.ts";
import { methodNamed } from "../../src/model/methods/methods.ts";
import { modelOf } from "../../src/model/model_of.ts";
import { tensorSpecs } from "../../src/model/parameters.ts";
import { initialState } from "../../src/model/tensors.ts";
import { type KernelTime, tracing } from "../run_trace.ts";
import { convolutionStep } from "./convolution.ts";
import { peakMemory } from "./peak_memory.ts";

const flags = parseArgs(Deno.args, {
  boolean: ["kernels"],
  string: [
    ...["precision", "arch", "images", "patches", "size"],
    ...["micro-batch", "only", "method"],
    ...["xla", "losses"],
  ],
  default: {
    ...{ precision: "fp32", arch: "resnet18-cifar" },
    ...{ images: "10", patches: "20", size: "32" },
  },
});
const images = Number(flags.images), patches = Number(flags.patches);
const patchSize = Number(flags.size);
const precision = flags.precision as Precision;
const { arch } = flags, method = methodNamed(flags.method);
const model = modelOf({ arch, method: flags.method });
const xla = flags.xla as "on" | "off" | undefined;
const traced: KernelTime[] = [];
const loaded = await loadTensorFlow(precision, { xla });
const engine = flags.kernels ? withKernels(loaded) : loaded;

const options = {
  model,
  images,
  patches,
  patchSize,
  microBatch: flags["micro-batch"] ? Number(flags["micro-batch"]) : undefined,
  loss: { patchSim: 200, tcr: 1, eps: 0.2 },
  optimizer: method.defaults(isForPhotographs(arch)).optimizer,
};
/** The engine with sessions that trace each run. */
function withKernels({ report, close }: GraphEngine): GraphEngine {
  const gpu = report.device === "GPU";
  return new GraphEngine({
    ...{ report, close, precision: report.precision },
    c: tracing(openTensorFlow(report.library!), (all) => traced.push(...all)),
    target: { config: engineConfig({ gpu, xla: report.xla }) },
  });
}

/** A trainer, and the patches of a step. */
async function training() {
  const state = initialState(tensorSpecs(model), 0);
  const trainer = await engine.trainer(options, state);
  const progress = { step: 0, steps: 100, stepsPerEpoch: 10 };
  const scalars = method.scalars?.(progress, model);
  const bytes = new Uint8Array(images * patches * patchSize ** 2 * 3);
  bytes.forEach((_, i) => bytes[i] = Math.imul(i, 2654435761) >>> 24);
  return {
    step: () => trainer.step(bytes, 0.3, false, scalars),
    /** Copies the next batch to the device's memory, if it has its own. */
    upload: async () => await trainer.upload?.(bytes),
  };
}

/** A step that answers with its seconds and the peak memory. */
function timed(step: () => Promise<unknown>): () => Promise<string> {
  return async () => {
    const begin = performance.now();
    await step();
    const seconds = (performance.now() - begin) / 1000;
    return `${seconds} ${peakMemory()}`;
  };
}

/** The function that answers each line. */
async function answerOf(): Promise<() => Promise<string>> {
  if (flags.only === "convolution") {
    const rows = images * patches;
    const shape = { model, precision, rows, patchSize };
    return timed(await convolutionStep(engine, shape));
  }
  if (flags.only === "stem") {
    return async () => {
      const { own, filled } = await engine.stemSeconds(options);
      return `${own} ${filled}`;
    };
  }
  const { step, upload } = await training();
  if (flags.kernels) {
    return async () => {
      // TensorFlow traces one run at a time.
      await upload();
      traced.length = 0;
      await step();
      return JSON.stringify(traced);
    };
  }
  // As in training: the next batch is uploaded while the step runs.
  const whole = async () => {
    const made = step();
    await upload();
    return await made;
  };
  if (flags.losses) {
    return async () => {
      const losses: number[] = [];
      while (losses.length < Number(flags.losses)) {
        losses.push((await whole()).loss);
      }
      return losses.join(" ");
    };
  }
  return timed(whole);
}

const answer = await answerOf();
const { engine: name, version, device } = engine.report;
console.log(`${name} ${version} ${device}`);
for await (const _ of Deno.stdin.readable) console.log(await answer());
