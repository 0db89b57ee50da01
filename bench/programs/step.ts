/**
 * Our step for bench/bench.ts: it waits for a line, makes a step, prints
 * its seconds and the peak memory in kB. `--only convolution` makes the step's
 * convolutions alone; `--losses N` makes N steps and prints their losses; `--kernels`
 * prints the kernels of a step as JSON.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { loadTensorFlow } from "../../src/engine/tensorflow/load.ts";
import type { KernelTime } from "../../src/engine/tensorflow/run_trace.ts";
import type { Precision } from "../../src/engine/engine.ts";
import { isForPhotographs } from "../../src/model/architectures.ts";
import { methodNamed } from "../../src/model/methods/methods.ts";
import { modelOf } from "../../src/model/model_of.ts";
import { tensorSpecs } from "../../src/model/parameters.ts";
import { initialState } from "../../src/model/tensors.ts";
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
const engine = await loadTensorFlow(precision, {
  xla,
  onKernels: flags.kernels ? (all) => traced.push(...all) : undefined,
});

let step: () => Promise<unknown>;
if (flags.only === "convolution") {
  step = await convolutionStep(engine, {
    model,
    precision,
    rows: images * patches,
    patchSize,
  });
} else {
  const trainer = await engine.trainer({
    model,
    images,
    patches,
    patchSize,
    microBatch: flags["micro-batch"] ? Number(flags["micro-batch"]) : undefined,
    loss: { patchSim: 200, tcr: 1, eps: 0.2 },
    optimizer: method.defaults(isForPhotographs(arch)).optimizer,
  }, initialState(tensorSpecs(model), 0));
  const progress = { step: 0, steps: 100, stepsPerEpoch: 10 };
  const scalars = method.scalars?.(progress, model);
  const bytes = new Uint8Array(images * patches * patchSize ** 2 * 3);
  bytes.forEach((_, i) => bytes[i] = Math.imul(i, 2654435761) >>> 24);
  step = () => trainer.step(bytes, 0.3, false, scalars);
}

const { engine: name, version, device } = engine.report;
console.log(`${name} ${version} ${device}`);
for await (const _ of Deno.stdin.readable) {
  if (flags.losses) {
    const losses: number[] = [];
    for (let i = 0; i < Number(flags.losses); i++) {
      losses.push(((await step()) as { loss: number }).loss);
    }
    console.log(losses.join(" "));
    continue;
  }
  traced.length = 0;
  const begin = performance.now();
  await step();
  if (flags.kernels) {
    console.log(JSON.stringify(traced));
    continue;
  }
  const seconds = (performance.now() - begin) / 1000;
  console.log(`${seconds} ${peakMemory()}`);
}
