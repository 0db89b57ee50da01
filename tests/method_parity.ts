/**
 * The other methods against PyTorch: the golden files of fixtures/make_methods.py,
 * for any engine.
 */
import { assert } from "@std/assert";
import type {
  EncoderOptions,
  FeatureEncoder,
  Trainer,
  TrainerOptions,
} from "../src/engine/engine.ts";
import type { ModelConfig } from "../src/model/architectures.ts";
import { backboneWidth } from "../src/model/blocks.ts";
import { convertLayout } from "../src/model/layout.ts";
import { METHODS } from "../src/model/methods/methods.ts";
import { tau } from "../src/model/methods/target.ts";
import { keptSpecs, tensorSpecs } from "../src/model/parameters.ts";
import { learningRate } from "../src/model/schedule.ts";
import { isTrainable, type State } from "../src/model/tensors.ts";
import { hashed } from "./formula.ts";
import { distance, golden, stateByFormula } from "./parity.ts";

type Values = Float32Array;

/** An engine that takes floats as input. */
export interface MethodEngine {
  trainer(
    options: TrainerOptions & { floats: boolean },
    state: State,
    kept?: State,
  ): Promise<
    Omit<Trainer, "step"> & {
      step(
        values: Values,
        learningRate: number,
        stop?: boolean,
        scalars?: Record<string, number>,
      ): Promise<{ loss: number }>;
    }
  >;
  encoder(
    options: EncoderOptions & { floats: boolean },
    state: State,
  ): Promise<
    Omit<FeatureEncoder, "encode"> & {
      encode(values: Values): Promise<Float32Array>;
    }
  >;
}

/** An engine, or why there is none. */
export interface MethodSubject {
  name: string;
  ignore: boolean;
  reason: string;
  engine?: MethodEngine;
}

/** The methods with golden files. */
export type Baseline = Exclude<keyof typeof METHODS, "emp-ssl">;

const IMAGES = 6, SIZE = 16, STEPS = 3;

function modelFor(name: Baseline): ModelConfig {
  const narrow = { predictor: 20, prototypes: 10, queue: 18 };
  const options = Object.entries(METHODS[name].options).map(([key, value]) =>
    [key, narrow[key as keyof typeof narrow] ?? value] as const
  );
  return {
    ...{ depth: 18, stem: "cifar", channels: 3, width: 4 },
    ...{ hidden: 24, embedding: 12 },
    ...(name === "vicreg" ? { stemPadding: 2 as const } : {}),
    method: { name, ...Object.fromEntries(options) },
  };
}

/** Smaller gradients are rounding noise: of biases that do not affect the loss. */
const NOISE = 1e-10;

/** Declares the test of an engine with one method. */
export function testMethod(subject: MethodSubject, name: Baseline): void {
  const { ignore, reason, engine } = subject;
  Deno.test({
    name: `${subject.name} gives PyTorch's numbers for ${name}${reason}`,
    ignore,
    fn: async (t) => {
      const wanted = await golden(`method_${name}.json`);
      const model = modelFor(name), method = METHODS[name];
      const options = {
        ...{ model, images: IMAGES, patches: 2, patchSize: SIZE },
        loss: { patchSim: 200, tcr: 1, eps: 0.2 },
        optimizer: { ...method.defaults(false).optimizer, eta: 5e-4 },
        floats: true,
      };
      const state = stateByFormula(model);
      const kept = name === "ressl"
        ? new Map([["queue", unitRows(hashed(18 * 12, 900, 1), 12)]])
        : undefined;
      const batch = (k: number) =>
        hashed(2 * IMAGES * SIZE * SIZE * 3, 1000 + k, 1);
      const scalars = (step: number): Record<string, number> => {
        if (name === "swav") {
          return { queued: Number(step > 0), free: Number(step > 0) };
        }
        return method.target
          ? { tau: tau(0.99, { step, steps: 10, stepsPerEpoch: 1 }) }
          : {};
      };
      const check = (key: string, values: Float32Array, most: number) => {
        const off = distance(values, wanted[key]);
        assert(off <= most, `${key} is off by ${off.toExponential(2)}`);
      };
      const specs = tensorSpecs(model);
      await t.step("the gradient of every parameter", async () => {
        const plain = await engine!.trainer(
          {
            ...options,
            // With these settings the momentum after the first step is the gradient.
            optimizer: {
              ...{ eta: 1e30, weightDecay: 0, momentum: 0.9 },
              nesterov: false,
            },
          },
          state,
          kept,
        );
        // The prototypes are not frozen here, so that their gradient is compared.
        const first = scalars(0);
        if (name === "swav") first.free = 1;
        await plain.step(batch(0), 1e-20, false, first);
        const gradients = await plain.optimizerState();
        plain.dispose();
        for (const spec of specs.filter(isTrainable)) {
          if (wanted[`gradient.${spec.name}`].norm < NOISE) continue;
          const values = gradients.get(spec.name)!;
          check(
            `gradient.${spec.name}`,
            convertLayout(spec, values, "torch"),
            1e-3,
          );
        }
      });
      await t.step("losses, parameters, target and queue", async () => {
        const trainer = await engine!.trainer(options, state, kept);
        for (let step = 0; step < STEPS; step++) {
          const lr = learningRate(step, { steps: 10, base: 2e-4 });
          const { loss } = await trainer.step(
            batch(step),
            lr,
            false,
            scalars(step),
          );
          const off = Math.abs(loss / wanted[`losses.${step}`].values[0] - 1);
          assert(off <= 1e-5, `the loss of step ${step} is off by ${off}`);
        }
        const after = await trainer.state();
        const rest = await trainer.optimizerState();
        trainer.dispose();
        for (const spec of [...specs, ...keptSpecs(model)]) {
          const values = (after.get(spec.name) ?? rest.get(spec.name))!;
          check(
            `after.${spec.name}`,
            convertLayout(spec, values, "torch"),
            1e-4,
          );
        }
        for (const features of ["backbone", "head"] as const) {
          const encoder = await engine!.encoder(
            { ...options, patches: 1, images: 2 * IMAGES, features },
            after,
          );
          const width = features === "head" ? 24 : backboneWidth(model);
          assert(encoder.width === width, `${encoder.width}`);
          check(`features.${features}`, await encoder.encode(batch(9)), 1e-4);
          encoder.dispose();
        }
      });
    },
  });
}

/** Rows of length 1. */
function unitRows(values: Float32Array, width: number): Float32Array {
  for (let at = 0; at < values.length; at += width) {
    const row = values.subarray(at, at + width);
    const length = Math.hypot(...row);
    row.forEach((value, i) => row[i] = value / length);
  }
  return values;
}
