/**
 * A process of a distributed training: for each line `step` it makes one step, for
 * `collectives` only the communication of a step. It answers with seconds.
 *
 * @module
 */
import { loadTensorFlow } from "../../src/engine/tensorflow/load.ts";
import type { Precision } from "../../src/engine/engine.ts";
import { architecture } from "../../src/model/architectures.ts";
import { OPTIMIZER } from "../../src/model/optimizer.ts";
import { tensorSpecs } from "../../src/model/parameters.ts";
import { collectiveRuns } from "./collective_runs.ts";
import { TextLineStream } from "../../src/deps/std.ts";
import { initialWeights } from "../../src/checkpoint/initial_weights.ts";

/** The setting of a process, as JSON in its first argument. */
export interface ReplicaSetting {
  addresses: string[];
  task: number;
  threads: number;
  images: number;
  patches: number;
  precision: Precision;
}

const setting: ReplicaSetting = JSON.parse(Deno.args[0]);
const { addresses, task, threads, images, patches, precision } = setting;
const processes = Math.max(1, addresses.length);
const engine = await loadTensorFlow(precision, {
  threads,
  cluster: processes === 1
    ? undefined
    : { addresses, task, replicas: 1, syncBatchNorm: false },
});
const { model } = architecture("resnet18-cifar");
const options = {
  model,
  images,
  patches,
  patchSize: 32,
  loss: { patchSim: 200, tcr: 1, eps: 0.2 },
  optimizer: OPTIMIZER,
};
const trainer = await engine.trainer(
  options,
  initialWeights(tensorSpecs(model), { seed: 0 }),
);
const bytes = new Uint8Array(images / processes * patches * 32 * 32 * 3);
for (let at = 0; at < bytes.length; at += 65536) {
  crypto.getRandomValues(bytes.subarray(at, at + 65536));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

console.log("ready");
const lines = Deno.stdin.readable
  .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
  .pipeThrough(new TextLineStream());
for await (const line of lines) {
  if (line === "step") {
    console.log(await seconds(() => trainer.step(bytes, 0.01)));
  } else {
    const traffic = collectiveRuns(engine, options);
    const times: number[] = [];
    for (const run of traffic.runs) {
      await run();
      times.push(await seconds(run));
    }
    traffic[Symbol.dispose]();
    console.log(times.join(" "));
  }
}
