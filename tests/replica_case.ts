/**
 * One process of a training with replicas: some steps of a narrow network, in fp32.
 * Process 0 writes the losses and the state to a file. Started by replicas.ts.
 */
import { loadTensorFlow } from "../src/engine/tensorflow/load.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import { initialWeights } from "../src/checkpoint/initial_weights.ts";
import { learningRate } from "../src/model/schedule.ts";
import type { Trainer, TrainerOptions } from "../src/engine/engine.ts";
import {
  type MethodName,
  methodOf,
  METHODS,
} from "../src/model/methods/methods.ts";
import { narrow } from "./narrow.ts";

/** The network and its batches. */
export const CASE = narrow({
  width: 4,
  hidden: 48,
  embedding: 24,
  images: 8,
  patches: 4,
});

/** The same network with another method. */
function caseOf(name: MethodName | undefined): TrainerOptions {
  if (name === undefined) return CASE;
  const { defaults, options } = METHODS[name];
  const narrow = {
    ...{ predictor: 20, prototypes: 12 },
    ...{ queue: 24, queueFrom: 0, frozen: 0 },
  };
  const own = Object.keys(options).filter((key) => key in narrow)
    .map((key) => [key, narrow[key as keyof typeof narrow]]);
  const method = { ...options, ...Object.fromEntries(own), name };
  return {
    ...CASE,
    patches: 2,
    model: { ...CASE.model, method },
    optimizer: defaults(false).optimizer,
  };
}

/** The arguments of a process, as JSON. */
export interface ReplicaCase {
  addresses: string[];
  task: number;
  replicas: number;
  sync: boolean;
  steps: number;
  microBatch?: number;
  method?: MethodName;
  /** The file to which process 0 writes its outcome. */
  out: string;
}

/** The outcome of process 0. */
export interface ReplicaOutcome {
  losses: number[];
  state: Record<string, number[]>;
}

/** The learning rate of a step: small, so that rounding errors do not grow. */
export function rateOf(step: number, steps: number): number {
  return learningRate(step, { steps, base: 1e-5 });
}

/** The patches of some images of a batch, as bytes, patch-major. */
export function batchOf(
  step: number,
  first: number,
  count: number,
  patches = CASE.patches,
) {
  const { images, patchSize } = CASE;
  const size = patchSize ** 2 * 3;
  const bytes = new Uint8Array(patches * count * size);
  for (let patch = 0; patch < patches; patch++) {
    for (let image = 0; image < count; image++) {
      const at = (patch * count + image) * size;
      const number = (step * images + first + image) * 4 + patch;
      for (let i = 0; i < size; i++) {
        // Two multiplicative hashes, the first with Knuth's factor.
        const hash = Math.imul((number * size + i) ^ 0x5bd1e995, 2654435761);
        bytes[at + i] = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 24;
      }
    }
  }
  return bytes;
}

/** The initial weights, the same in all processes. */
export function firstWeights({ model } = CASE) {
  return initialWeights(tensorSpecs(model), { seed: 0 });
}

/** The target network and the queues of the method, and the prototypes' momentum. */
async function keptBy(trainer: Trainer): Promise<[string, Float32Array][]> {
  const all = await trainer.optimizerState();
  const named = [...all].filter(([name]) => /^(target\.|queue)/.test(name));
  const momentum = all.get("prototypes.weight");
  return momentum ? [...named, ["momentum", momentum]] : named;
}

if (import.meta.main) {
  const told: ReplicaCase = JSON.parse(Deno.args[0]);
  const { addresses, task, replicas, sync, steps, microBatch } = told;
  const own = caseOf(told.method), method = methodOf(own.model);
  const engine = await loadTensorFlow("fp32", {
    threads: 1,
    cluster: replicas * Math.max(1, addresses.length) === 1
      ? undefined
      : { addresses, task, replicas, syncBatchNorm: sync },
  });
  const trainer = await engine.trainer(
    { ...own, microBatch },
    firstWeights(own),
  );
  const share = CASE.images / Math.max(1, addresses.length);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = batchOf(step, task * share, share, own.patches);
    const progress = { step, steps, stepsPerEpoch: 1 };
    const scalars = method.scalars?.(progress, own.model);
    const rate = rateOf(step, steps);
    losses.push((await trainer.step(batch, rate, false, scalars)).loss);
  }
  if (task === 0) {
    const state = Object.fromEntries(
      [...await trainer.state(), ...await keptBy(trainer)]
        .map(([name, values]) => [name, [...values]]),
    );
    const outcome: ReplicaOutcome = { losses, state };
    Deno.writeTextFileSync(told.out, JSON.stringify(outcome));
  }
  // Other processes may still read from this one.
  await new Promise((done) => setTimeout(done, 500));
  Deno.exit(0);
}
