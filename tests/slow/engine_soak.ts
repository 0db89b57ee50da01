/**
 * Two thousand steps and two thousand evaluations on TensorFlow: memory stays
 * flat, and every tensor of the eager context is freed.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "../../src/deps/tfjs.ts";
import { loadTensorFlow } from "../../src/engine/tensorflow/load.ts";
import { codeOf } from "../../src/common/errors.ts";
import { attr } from "../../src/engine/trace/graph.ts";
import { DType } from "../../src/engine/trace/messages.ts";
import { narrow } from "../narrow.ts";
import { graphOf } from "../tensorflow/graphs.ts";
import { tensorSpecs } from "../../src/model/parameters.ts";
import { initialState } from "../../src/model/tensors.ts";

const ROUNDS = 2000;
const OPTIONS = narrow({
  width: 8,
  hidden: 64,
  embedding: 32,
  images: 8,
  patches: 4,
});

const engine = await loadTensorFlow("fp32");
const state = initialState(tensorSpecs(OPTIONS.model), 0);
const bytes = crypto.getRandomValues(new Uint8Array(8 * 4 * 16 * 16 * 3));

/** The tensors that the eager context holds. */
function handles(): number {
  const { binding } = tf.findBackend("tensorflow") as unknown as {
    binding: { getNumOfTensors(): number };
  };
  return binding.getNumOfTensors();
}

/** Resident memory in MB in the middle and at the end of many rounds. */
async function memoryOf(round: () => Promise<unknown>, rounds = ROUNDS) {
  const { gc } = globalThis as { gc?: () => void };
  const read = () => (gc?.(), Deno.memoryUsage().rss / 1e6);
  let middle = 0;
  for (let i = 0; i < rounds; i++) {
    if (i === rounds / 2) middle = read();
    await round();
  }
  return { rounds, middle, end: read() };
}

function assertFlat(
  name: string,
  { rounds, middle, end }: Awaited<ReturnType<typeof memoryOf>>,
) {
  console.log(
    `${name}: ${middle.toFixed(0)} MB after ${rounds / 2}, ` +
      `${end.toFixed(0)} MB after ${rounds}`,
  );
  assert(end < 1.05 * middle, `${middle} MB became ${end} MB`);
}

Deno.test(`${ROUNDS} steps keep the memory flat`, async () => {
  const before = handles();
  const trainer = await engine.trainer(OPTIONS, state);
  assertFlat("steps", await memoryOf(() => trainer.step(bytes, 1e-4)));
  trainer.dispose();
  assertEquals(handles(), before);
});

Deno.test(`${ROUNDS} evaluations keep the memory flat`, async () => {
  const before = handles();
  const encoder = await engine.encoder(OPTIONS, state);
  assertFlat("evaluations", await memoryOf(() => encoder.encode(bytes)));
  encoder.dispose();
  assertEquals(handles(), before);
});

Deno.test(`${ROUNDS} eager operations free their handles`, async () => {
  await tf.setBackend("tensorflow");
  const x = tf.randomNormal([64, 64]);
  const round = async () => {
    const y = tf.tidy(() => tf.softmax(tf.matMul(x, x)).sum());
    await y.data();
    y.dispose();
  };
  // The first round uploads x.
  await round();
  const before = handles();
  assertFlat("eager operations", await memoryOf(round));
  assertEquals(handles(), before);
  x.dispose();
});

Deno.test("200 sessions, opened and closed, keep the memory flat", async () => {
  const round = async () => {
    const encoder = await engine.encoder(OPTIONS, state);
    await encoder.encode(bytes);
    encoder.dispose();
  };
  assertFlat("sessions", await memoryOf(round, 200));
});

Deno.test("too large a tensor is «out of memory», and the session lives", async () => {
  const shape = [1, 1 << 20];
  using session = engine.session(
    graphOf(shape, (graph, x) => {
      const big = graph.value("BatchMatMulV2", [x, x], [1 << 20, 1 << 20], {
        adj_x: attr.bool(true),
        adj_y: attr.bool(false),
      });
      graph.node(
        "Sum",
        [x, graph.ints([0, 1])],
        { T: attr.type(DType.float), Tidx: attr.type(DType.int32) },
        "sum",
      );
      return graph.sum(big, [0, 1]);
    }),
  );
  const values = new Float32Array(1 << 20);
  const run = (fetch: string) =>
    session.run([{ name: "x", shape, values }], [fetch]);
  const error = await assertRejects(() => run("y"), Error, "out of memory");
  assertEquals(codeOf(error), "STEP_FAILED");
  assertEquals((await run("sum"))[0][0], 0);
});
