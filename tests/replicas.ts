/** Trains with replicas or in one network, and compares the outcomes. */
import { assert } from "@std/assert";
import * as tf from "../src/deps/tfjs.ts";
import { loadEager } from "../src/engine/eager/load.ts";
import { embed, normalizePatches } from "../src/model/encoder.ts";
import { larsGradient } from "../src/model/lars.ts";
import { type Scope, scopeOf } from "../src/model/layers.ts";
import { empSslLoss } from "../src/model/loss.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import type { MethodName } from "../src/model/methods/methods.ts";
import { isTrainable } from "../src/model/tensors.ts";
import {
  batchOf,
  CASE,
  firstWeights,
  rateOf,
  type ReplicaCase,
  type ReplicaOutcome,
} from "./replica_case.ts";

/** How a training is distributed. */
export interface Spread {
  processes?: number;
  replicas?: number;
  sync: boolean;
  steps: number;
  microBatch?: number;
  method?: MethodName;
}

/** Ports that are free now: test files run in parallel in one process. */
export function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.makeTempDir();
  try {
    return await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Trains the case in separate processes. */
export function trainSpread(
  { processes = 1, replicas = 1, ...rest }: Spread,
): Promise<ReplicaOutcome> {
  const addresses = processes === 1
    ? []
    : freePorts(processes).map((port) => `127.0.0.1:${port}`);
  return inFolder(async (dir) => {
    const out = `${dir}/outcome.json`;
    const ends = Array.from({ length: processes }, (_, task) => {
      const told: ReplicaCase = { addresses, task, replicas, out, ...rest };
      return new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--no-check", "--allow-all"],
          new URL("./replica_case.ts", import.meta.url).pathname,
          JSON.stringify(told),
        ],
      }).output();
    });
    for (const { code, stderr } of await Promise.all(ends)) {
      assert(code === 0, new TextDecoder().decode(stderr));
    }
    return JSON.parse(await Deno.readTextFile(out));
  });
}

/**
 * The same steps by tfjs in this thread, written from the formulas: the images are
 * split into parts, each with its own batch norm statistics, and one loss over all.
 */
export async function trainByFormula(
  { parts, steps }: { parts: number; steps: number },
): Promise<ReplicaOutcome> {
  await loadEager("cpu");
  const { model, images, patches, patchSize, loss, optimizer } = CASE;
  const specs = tensorSpecs(model), share = images / parts;
  const trainable = specs.filter(isTrainable);
  const state = new Map([...firstWeights()].map(([name, values]) => {
    const { shape } = specs.find((spec) => spec.name === name)!;
    return [name, tf.tensor(values, shape)];
  }));
  const momentum = new Map<string, tf.Tensor>();
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const inputs = Array.from({ length: parts }, (_, part) => {
      const bytes = batchOf(step, part * share, share);
      const shape = [patches * share, patchSize, patchSize, 3];
      return normalizePatches(tf.tensor(bytes, shape, "float32"), {});
    });
    const tensors = Object.fromEntries(state);
    const scopes: Scope[] = inputs.map(() => scopeOf(tensors, true));
    const { value, grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
      const own = { ...tensors };
      trainable.forEach(({ name }, i) => own[name] = values[i]);
      const z = inputs.map((x, i) =>
        tf.reshape(embed({ ...scopes[i], tensors: own }, x, model), [
          patches,
          share,
          model.embedding,
        ])
      );
      const all = tf.reshape(tf.concat(z, 1), [-1, model.embedding]);
      return empSslLoss(all, { ...loss, patches }).loss as tf.Scalar;
    })(trainable.map(({ name }) => state.get(name)!));
    losses.push((await value.data())[0]);
    const rate = tf.scalar(rateOf(step, steps));
    trainable.forEach(({ name }, i) => {
      const parameter = state.get(name)!;
      const gradient = larsGradient(parameter, grads[i], rate, optimizer);
      const before = momentum.get(name) ?? tf.zerosLike(gradient);
      const buffer = tf.add(tf.mul(before, optimizer.momentum), gradient);
      momentum.set(name, buffer);
      const change = tf.add(gradient, tf.mul(buffer, optimizer.momentum));
      state.set(name, tf.sub(parameter, tf.mul(change, rate)));
    });
    for (const name of Object.keys(scopes[0].updates)) {
      const all = scopes.map(({ updates }) => updates[name]);
      state.set(name, tf.div(tf.addN(all), parts));
    }
  }
  const read = await Promise.all(
    [...state].map(async ([name, tensor]) =>
      [name, [...await tensor.data()] as number[]] as const
    ),
  );
  return { losses, state: Object.fromEntries(read) };
}

/** Weight and bias of a layer joined: a bias that starts at 0 stays small. */
function byLayer(state: ReplicaOutcome["state"]): Map<string, number[]> {
  const layers = new Map<string, number[]>();
  for (const [name, values] of Object.entries(state)) {
    const layer = name.replace(/\.(weight|bias)$/, "");
    layers.set(layer, [...layers.get(layer) ?? [], ...values]);
  }
  return layers;
}

/** The largest relative distances of the losses, and of the weights by layer. */
export function distances(a: ReplicaOutcome, b: ReplicaOutcome) {
  const losses = a.losses.map((loss, i) => Math.abs(loss / b.losses[i] - 1));
  const found = byLayer(a.state), wanted = byLayer(b.state);
  const weights = [...wanted].map(([layer, values]) => {
    const others = found.get(layer)!;
    const off = Math.hypot(...values.map((value, i) => value - others[i]));
    return off / Math.hypot(...values);
  });
  return { losses: Math.max(...losses), weights: Math.max(...weights) };
}
