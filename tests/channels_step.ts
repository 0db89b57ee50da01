/** One step of a network with five input channels, against PyTorch. */
import { assert } from "@std/assert";
import type { EncoderOptions, Engine } from "../src/engine/engine.ts";
import { convertLayout } from "../src/model/layout.ts";
import { OPTIMIZER } from "../src/model/optimizer.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import { isTrainable, type State } from "../src/model/tensors.ts";
import { noise } from "./formula.ts";
import { stateByFormula } from "./parity.ts";

const golden: {
  step: {
    mean: number[];
    std: number[];
    losses: number[];
    gradient: number[];
  };
} = JSON.parse(
  await Deno.readTextFile(
    new URL("../fixtures/channels.json", import.meta.url),
  ),
);

/** The parts of an engine that are tested; encoders take floats, too. */
interface Trained extends Pick<Engine, "trainer"> {
  encoder(
    options: EncoderOptions & { floats?: boolean },
    state: State,
  ): Promise<{
    encode(values: Uint8Array | Float32Array): Promise<Float32Array>;
    dispose(): void;
  }>;
}

/** An engine, or why there is none. */
export interface ChannelSubject {
  name: string;
  ignore: boolean;
  reason: string;
  engine?: Trained;
}

/** Declares the test of an engine. */
export function testChannels({ name, ignore, reason, engine }: ChannelSubject) {
  Deno.test({
    name: `${name} gives PyTorch's step on five channels of 16 bits${reason}`,
    ignore,
    fn: () => check(engine!),
  });
}

async function check(engine: Trained): Promise<void> {
  const { mean, std, losses, gradient } = golden.step;
  const model = {
    ...{ depth: 18, stem: "cifar", channels: 5 } as const,
    ...{ width: 4, hidden: 48, embedding: 24 },
  };
  const options = {
    ...{ model, images: 6, patches: 3, patchSize: 16 },
    values: { bits: 16, normalize: { mean, std } } as const,
    loss: { patchSim: 200, tcr: 1, eps: 0.2 },
  };
  const bytes = noise(2 * 18 * 16 * 16 * 5, 9), state = stateByFormula(model);
  const trainer = await engine.trainer(
    { ...options, optimizer: { ...OPTIMIZER, eta: 5e-4 } },
    state,
  );
  const found = await trainer.step(bytes, 2e-4);
  [found.loss, found.invariance, found.tcr].forEach((value, i) =>
    assert(Math.abs(value / losses[i]! - 1) < 1e-5, `${i}: ${value}`)
  );
  trainer.dispose();
  // Without weight decay and LARS scaling the first momentum is the gradient.
  const plain = await engine.trainer({
    ...options,
    optimizer: { eta: 1e30, weightDecay: 0, momentum: 0.9 },
  }, state);
  await plain.step(bytes, 1e-20);
  const [stem] = tensorSpecs(model).filter(isTrainable);
  const momentum = (await plain.optimizerState()).get(stem!.name)!;
  const values = convertLayout(stem!, momentum, "torch");
  const size = Math.hypot(...gradient);
  const off = Math.hypot(...gradient.map((value, i) => value - values[i]!));
  assert(off / size < 1e-3, `the gradient is off by ${off / size}`);
  plain.dispose();
  // The features of the values themselves, normalised here.
  const layer = { ...options, features: "backbone" } as const;
  const encoder = await engine.encoder(layer, state);
  const ofFloats = await engine.encoder({ ...layer, floats: true }, state);
  const wide = new Uint16Array(
    bytes.buffer,
    bytes.byteOffset,
    bytes.length / 2,
  );
  const normal = Float32Array.from(
    wide,
    (value, i) => (value / 65535 - mean[i % 5]!) / std[i % 5]!,
  );
  const features = await encoder.encode(bytes);
  const expected = await ofFloats.encode(normal);
  const length = Math.hypot(...expected);
  const apart = Math.hypot(...features.map((value, i) => value - expected[i]!));
  assert(length > 0 && apart / length < 1e-5, `off by ${apart / length}`);
  encoder.dispose();
  ofFloats.dispose();
}
