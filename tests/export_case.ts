/**
 * Writes a checkpoint with perturbed batch norms, and the features that our encoder
 * computes for some patches: fixtures/load_backbone.py compares them. A separate
 * program, since a process can load TensorFlow in one thread only.
 */
import { loadTensorFlow } from "../src/engine/tensorflow/load.ts";
import { architecture } from "../src/model/architectures.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import { initialState } from "../src/model/tensors.ts";
import { encodeModel } from "../src/checkpoint/checkpoint.ts";
import { resolveConfig } from "../src/train/config.ts";
import { TRAIN_DEFAULTS } from "../src/train/choices.ts";
import { hashed, noise } from "./formula.ts";

const [dir] = Deno.args;
const { model } = architecture("resnet18-cifar");
const specs = tensorSpecs(model);
const state = initialState(specs, 3);
for (const [index, { name, kind }] of specs.entries()) {
  const values = state.get(name)!;
  const around = hashed(values.length, index, 0.2);
  if (kind.startsWith("norm.")) {
    values.forEach((v, i) => values[i] = v + around[i]);
  }
}
const shape = [6, 32, 32, 3];
const patches = noise(6 * 32 * 32 * 3, 4);
const engine = await loadTensorFlow("fp32");
const encoder = await engine.encoder(
  { model, images: 6, patches: 1, patchSize: 32 },
  state,
);
const features = await encoder.encode(patches);
await Deno.writeTextFile(
  `${dir}/case.json`,
  JSON.stringify({ shape, patches: [...patches], features: [...features] }),
);
const path = `${dir}/model.safetensors`;
const config = await resolveConfig({ ...TRAIN_DEFAULTS, patchSize: 32 });
await Deno.writeFile(path, encodeModel(state, { config, step: 1 }));
console.log(path);
