/**
 * The model, the losses, the gradients and the optimiser against PyTorch: the
 * golden files of fixtures/make_model.py, for any engine.
 */
import { assert } from "@std/assert";
import type { ModelConfig } from "../src/model/architectures.ts";
import { ARCHITECTURES } from "../src/model/architectures.ts";
import { convertLayout, torchShape } from "../src/model/layout.ts";
import { OPTIMIZER } from "../src/model/optimizer.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import { isTrainable, sizeOf, type State } from "../src/model/tensors.ts";
import type {
  StepLosses,
  Trainer,
  TrainerOptions,
} from "../src/engine/engine.ts";
import { learningRate } from "../src/model/schedule.ts";
import { decodeSafetensors } from "../src/checkpoint/safetensors.ts";
import { hashed } from "./formula.ts";

/** Some entries of a tensor, in PyTorch's layout, and its norm. */
export interface Sample {
  norm: number;
  at: number[];
  values: number[];
}

const fixture = (name: string) =>
  new URL(`../fixtures/${name}`, import.meta.url);

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum);
}

/** Golden values; tensors that are stored whole become samples of all entries. */
export async function golden(name: string): Promise<Record<string, Sample>> {
  if (name.endsWith(".json")) {
    return JSON.parse(await Deno.readTextFile(fixture(name)));
  }
  const file = await Deno.readFile(fixture(name));
  const { tensors } = decodeSafetensors(file, name);
  return Object.fromEntries([...tensors].map(([key, { values }]) => [key, {
    norm: norm(values),
    at: Array.from(values, (_, i) => i),
    values: Array.from(values),
  }]));
}

/** The state that fixtures/emp_ssl_torch.py sets by formula. */
export function stateByFormula(model: ModelConfig): State {
  const state: State = new Map();
  for (const [index, spec] of tensorSpecs(model).entries()) {
    const shape = torchShape(spec);
    const count = sizeOf(shape);
    let values: Float32Array;
    if (shape.length > 1) {
      values = hashed(count, index, Math.sqrt(6 / sizeOf(shape.slice(1))));
    } else if (
      spec.kind === "norm.running_var" || spec.kind === "norm.weight"
    ) {
      values = hashed(count, index, 0.25).map((v) => 1 + v);
    } else {
      values = hashed(count, index, 0.1);
    }
    state.set(spec.name, convertLayout(spec, values, "tensorflow"));
  }
  return state;
}

/** Distance from the golden values, relative to the tensor's size. */
export function distance(values: Float32Array, wanted: Sample): number {
  const difference = wanted.at.map((at, i) => values[at] - wanted.values[i]);
  const sampled = norm(difference) *
    Math.sqrt(values.length / wanted.at.length);
  const size = Math.abs(norm(values) - wanted.norm);
  return Math.max(sampled, size) / Math.max(wanted.norm, 1e-12);
}

/** Biases before a batch norm: their gradient is 0, plus rounding noise. */
const CANCELLED = new Set(["pre_feature.0.bias", "projection.0.bias"]);

interface Setting {
  model: ModelConfig;
  size: number;
  images: number;
  patches: number;
  file: string;
  /** The index of the first input in `hashed`; see fixtures/make_model.py. */
  inputsFrom?: number;
  /** Optimisation steps: 3 where not given. */
  steps?: number;
  /** Patches of an image in a micro-batch, if the step is split. */
  microBatch?: number;
  /** The learning rate: 2·10⁻⁴ where not given. */
  rate?: number;
  /** With it the filters step by Muon: see {@linkcode TrainerOptions.optimizer}. */
  muon?: number;
  /** Tolerance of parameters and features after the steps: 1e-4 by default. */
  tolerance?: number;
}

const NARROW = { channels: 3, width: 4, hidden: 48, embedding: 24 };
const SETTINGS = {
  "a narrow resnet18-cifar": {
    model: { depth: 18, stem: "cifar", ...NARROW },
    size: 16,
    images: 6,
    patches: 3,
    file: "model_cifar_narrow.safetensors",
  },
  "a narrow resnet18-imagenet": {
    model: { depth: 18, stem: "imagenet", ...NARROW },
    size: 64,
    images: 6,
    patches: 3,
    file: "model_imagenet_narrow.json",
  },
  "a narrow resnet18-tinyimagenet": {
    model: { depth: 18, stem: "imagenet", ...NARROW },
    size: 32,
    images: 6,
    patches: 3,
    file: "model_tinyimagenet_narrow.json",
  },
  "a narrow resnet18-cifar in micro-batches": {
    model: { depth: 18, stem: "cifar", ...NARROW },
    size: 16,
    images: 6,
    patches: 4,
    microBatch: 2,
    file: "model_cifar_parts.json",
  },
  "a narrow resnet18-cifar by Muon": {
    model: { depth: 18, stem: "cifar", ...NARROW },
    size: 16,
    images: 6,
    patches: 3,
    // A long step, so that a wrong direction of a filter is above the tolerance.
    steps: 1,
    rate: 0.3,
    muon: 0.2,
    tolerance: 1e-3,
    file: "model_muon_narrow.json",
  },
  "a narrow resnet34-cifar": {
    model: { depth: 34, stem: "cifar", ...NARROW },
    size: 8,
    images: 4,
    patches: 2,
    steps: 1,
    inputsFrom: 3232,
    file: "model_resnet34_narrow.json",
  },
  "a narrow resnet50-cifar": {
    model: { depth: 50, stem: "cifar", ...NARROW },
    size: 8,
    images: 6,
    patches: 3,
    steps: 1,
    inputsFrom: 4176,
    file: "model_resnet50_narrow.json",
    // PyTorch's own results in fp32 and fp64 differ by as much here.
    tolerance: 5e-4,
  },
  "ResNet-18 of 16×16": {
    model: ARCHITECTURES["resnet18-cifar"].model,
    size: 16,
    images: 4,
    patches: 2,
    inputsFrom: 2704,
    file: "model_resnet18_16.json",
    // With direct convolutions the difference is 4·10⁻⁷. The rounding of Winograd
    // tiles, of 2×2 or 4×4, moves an activation of the second step across zero.
    tolerance: 5e-4,
  },
  "ResNet-18 of 32×32": {
    model: ARCHITECTURES["resnet18-cifar"].model,
    size: 32,
    images: 4,
    patches: 2,
    steps: 1,
    inputsFrom: 2656,
    file: "model_resnet18_32.json",
  },
} as const satisfies Record<string, Setting>;

/** The settings with golden files. */
export type SettingName = keyof typeof SETTINGS;

/** Patches as floats in [−1, 1], which bytes cannot represent exactly. */
type Values = Float32Array;

/** An engine that takes floats as input. */
export interface EngineUnderTest {
  /** See `engine.ts`. */
  trainer(
    options: TrainerOptions & { floats: boolean },
    state: State,
  ): Promise<
    Omit<Trainer, "step"> & {
      step(values: Values, learningRate: number): Promise<StepLosses>;
    }
  >;
  /** See `engine.ts`. */
  encoder(
    options: TrainerOptions & { floats: boolean },
    state: State,
  ): Promise<{
    encode(values: Values): Promise<Float32Array>;
    dispose(): void;
  }>;
}

/** An engine, or why there is none. */
export interface Subject {
  /** Named in the tests. */
  name: string;
  /** Whether there is no engine. */
  ignore: boolean;
  /** To be shown after the test's name. */
  reason: string;
  /** The engine, if there is one. */
  engine?: EngineUnderTest;
}

/** Declares the test of an engine in a setting. */
export function testParity(subject: Subject, name: SettingName): void {
  const { ignore, reason, engine } = subject;
  const setting: Setting = SETTINGS[name];
  Deno.test({
    name: `${subject.name} gives PyTorch's numbers for ${name}${reason}`,
    ignore,
    fn: async (t) => {
      const { model, size, images, patches, file } = setting;
      const { inputsFrom = 1000, steps = 3, tolerance = 1e-4 } = setting;
      const { rate = 2e-4, muon } = setting;
      const wanted = await golden(file);
      const options = {
        model,
        images,
        patches,
        patchSize: size,
        loss: { patchSim: 200, tcr: 1, eps: 0.2 },
        optimizer: { ...OPTIMIZER, eta: 5e-4, muon },
        microBatch: setting.microBatch,
        floats: true,
      };
      const state = stateByFormula(model);
      const batch = (k: number) =>
        hashed(images * patches * size * size * 3, inputsFrom + k, 1);
      const specs = tensorSpecs(model);
      const check = (
        key: string,
        values: Float32Array,
        tolerance: number,
      ) => {
        const found = distance(values, wanted[key]);
        assert(
          found <= tolerance,
          `${key} is off by ${found.toExponential(2)}`,
        );
      };

      await t.step("the gradient of every parameter", async () => {
        const gradients = await gradientsOf(engine!, setting, state, batch(0));
        for (const spec of specs.filter(isTrainable)) {
          if (CANCELLED.has(spec.name)) continue;
          const values = gradients.get(spec.name)!;
          const torch = convertLayout(spec, values, "torch");
          check(`gradient.${spec.name}`, torch, 1e-3);
        }
      });
      await t.step(
        `losses, parameters and statistics after ${steps} steps`,
        async () => {
          const fresh = await engine!.trainer(options, state);
          for (let step = 0; step < steps; step++) {
            const lr = learningRate(step, { steps: 10, base: rate });
            const { loss, invariance, tcr } = await fresh.step(batch(step), lr);
            const losses = wanted[`losses.${step}`].values;
            [loss, invariance, tcr].forEach((value, i) => {
              const off = Math.abs(value / losses[i] - 1);
              assert(off <= 1e-5, `loss part ${i} at step ${step}: ${off}`);
            });
          }
          const after = await fresh.state();
          for (const spec of specs) {
            const torch = convertLayout(spec, after.get(spec.name)!, "torch");
            check(`after.${spec.name}`, torch, tolerance);
          }
          const encoder = await engine!.encoder(
            { ...options, patches: 1, images: images * patches },
            after,
          );
          check("features", await encoder.encode(batch(9)), tolerance);
          encoder.dispose();
          fresh.dispose();
        },
      );
    },
  });
}

/**
 * The gradients, read from the momentum buffers after a step from zero momentum with a
 * learning rate near 0: without weight decay and LARS scaling a buffer is the gradient.
 */
async function gradientsOf(
  engine: EngineUnderTest,
  setting: Setting,
  state: State,
  batch: Values,
): Promise<State> {
  const plain = await engine.trainer({
    model: setting.model,
    images: setting.images,
    patches: setting.patches,
    patchSize: setting.size,
    loss: { patchSim: 200, tcr: 1, eps: 0.2 },
    // With this η LARS clips its scale to 1; without decay nothing else is added.
    optimizer: { eta: 1e30, weightDecay: 0, momentum: 0.9 },
    microBatch: setting.microBatch,
    floats: true,
  }, state);
  await plain.step(batch, 1e-20);
  const gradients = await plain.optimizerState();
  plain.dispose();
  return gradients;
}
