/**
 * A process of a training with replicas: some steps of a narrow network, in fp32.
 * It writes what process 0 has found. Started by the tests of replicas.
 */
import { loadTensorFlow } from "../src/engine/tensorflow/load.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import { initialWeights } from "../src/checkpoint/initial_weights.ts";
import { cosineLearningRate } from "../src/model/schedule.ts";
import { narrow } from "./narrow.ts";

/** The network and its batches. */
export const CASE = narrow({
  width: 4,
  hidden: 48,
  embedding: 24,
  images: 8,
  patches: 4,
});

/** What a process is told. */
export interface ReplicaCase {
  addresses: string[];
  task: number;
  replicas: number;
  sync: boolean;
  steps: number;
  microBatch?: number;
  /** Where process 0 writes what it found. */
  out: string;
}

/** What process 0 finds. */
export interface ReplicaOutcome {
  losses: number[];
  state: Record<string, number[]>;
}

/** The learning rate of a step: small, so that rounding stays rounding. */
export function rateOf(step: number, steps: number): number {
  return cosineLearningRate(step, { steps, base: 1e-5 });
}

/** The bytes of a batch for some of its images, patch-major. */
export function batchOf(step: number, first: number, count: number) {
  const { images, patches, patchSize } = CASE;
  const size = patchSize ** 2 * 3;
  const bytes = new Uint8Array(patches * count * size);
  for (let patch = 0; patch < patches; patch++) {
    for (let image = 0; image < count; image++) {
      const at = (patch * count + image) * size;
      const number = (step * images + first + image) * 4 + patch;
      for (let i = 0; i < size; i++) {
        // Knuth's multiplicative hash, twice.
        const hash = Math.imul((number * size + i) ^ 0x5bd1e995, 2654435761);
        bytes[at + i] = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 24;
      }
    }
  }
  return bytes;
}

/** The weights that all start from. */
export function firstWeights() {
  return initialWeights(tensorSpecs(CASE.model), { seed: 0 });
}

if (import.meta.main) {
  const told: ReplicaCase = JSON.parse(Deno.args[0]);
  const { addresses, task, replicas, sync, steps, microBatch } = told;
  const engine = await loadTensorFlow("fp32", {
    threads: 1,
    cluster: replicas * Math.max(1, addresses.length) === 1
      ? undefined
      : { addresses, task, replicas, syncBatchNorm: sync },
  });
  const trainer = await engine.trainer({ ...CASE, microBatch }, firstWeights());
  const share = CASE.images / Math.max(1, addresses.length);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = batchOf(step, task * share, share);
    losses.push((await trainer.step(batch, rateOf(step, steps))).loss);
  }
  if (task === 0) {
    const state = Object.fromEntries(
      [...await trainer.state()].map(([name, values]) => [name, [...values]]),
    );
    const outcome: ReplicaOutcome = { losses, state };
    Deno.writeTextFileSync(told.out, JSON.stringify(outcome));
  }
  // The others may still read from this one.
  await new Promise((done) => setTimeout(done, 500));
  Deno.exit(0);
}
