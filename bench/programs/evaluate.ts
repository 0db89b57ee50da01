/**
 * Our evaluation for bench/bench.ts, with the requests of
 * bench/peers/pytorch_evaluate.py: `encode N`, `linear`, `knn`. It answers with seconds
 * and its peak memory in kB.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { loadTensorFlow } from "../../src/engine/tensorflow/load.ts";
import type { FeatureEncoder, Precision } from "../../src/engine/engine.ts";
import { Features } from "../../src/evaluate/features.ts";
import { knn } from "../../src/evaluate/knn.ts";
import { linearProbe } from "../../src/evaluate/linear_probe.ts";
import { KNN, LINEAR_PROBE } from "../../src/evaluate/protocol.ts";
import { architecture } from "../../src/model/architectures.ts";
import { tensorSpecs } from "../../src/model/parameters.ts";
import { initialState } from "../../src/model/tensors.ts";
import { Purpose, RandomStream } from "../../src/common/random.ts";
import { peakMemory } from "./peak_memory.ts";

const flags = parseArgs(Deno.args, {
  string: ["precision", "arch", "size", "batch", "train", "test", "classes"],
  default: {
    ...{ precision: "fp32", arch: "resnet18-cifar", size: "32" },
    ...{ batch: "1024", train: "10000", test: "1000", classes: "100" },
  },
});
const patchSize = Number(flags.size), classes = Number(flags.classes);
const { model } = architecture(flags.arch);
const engine = await loadTensorFlow(flags.precision as Precision);
const state = initialState(tensorSpecs(model), 0);

function noise(count: number, seed: number): Features {
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  const features = new Features({ width: model.hidden, labels });
  const random = new RandomStream({ seed, purpose: Purpose.probe, at: [] });
  const row = Float32Array.from(
    { length: model.hidden },
    () => random.uniform(),
  );
  for (let i = 0; i < count; i++) {
    features.write(row.map((v, j) => (v + i * (j + 1) / 7919) % 1), i);
  }
  return features;
}

const encoders = new Map<number, { images: number; encoder: FeatureEncoder }>();

async function encode(patches: number): Promise<number> {
  const images = Math.max(1, Math.floor(Number(flags.batch) / patches));
  let found = encoders.get(patches);
  if (found === undefined) {
    const options = { model, images, patches, patchSize };
    found = { images, encoder: await engine.encoder(options, state) };
    encoders.set(patches, found);
  }
  const bytes = new Uint8Array(images * patches * patchSize ** 2 * 3);
  bytes.forEach((_, i) => bytes[i] = Math.imul(i, 2654435761) >>> 24);
  const begin = performance.now();
  await found.encoder.encode(bytes);
  return (performance.now() - begin) / 1000 / images;
}

let train: Features | undefined, test: Features | undefined;

async function classify(what: string): Promise<number> {
  train ??= noise(Number(flags.train), 1);
  test ??= noise(Number(flags.test), 2);
  const begin = performance.now();
  if (what === "knn") await knn(train, test, { ...KNN, classes });
  else await linearProbe(train, test, { ...LINEAR_PROBE, classes, epochs: 1 });
  return (performance.now() - begin) / 1000;
}

const { engine: name, version, device } = engine.report;
console.log(`${name} ${version} ${device}`);
for await (const bytes of Deno.stdin.readable) {
  const [what, patches] = new TextDecoder().decode(bytes).trim().split(" ");
  const seconds = what === "encode"
    ? await encode(Number(patches))
    : await classify(what);
  console.log(`${seconds} ${peakMemory()}`);
}
