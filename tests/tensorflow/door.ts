/** TensorFlow through FFI: the binding for tfjs-node-gpu's backend, sessions, errors. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type KernelTime,
  kernelTimes,
  tracing,
} from "../../bench/run_trace.ts";
import * as tf from "../../src/deps/tfjs.ts";
import { summaryWriter } from "../../src/deps/tfjs_node.ts";
import { codeOf } from "../../src/common/errors.ts";
import { installedLibraries } from "../../src/engine/setup/locate.ts";
import { openTensorFlow } from "../../src/engine/tensorflow/c_api.ts";
import { EagerBinding } from "../../src/engine/tensorflow/eager_binding.ts";
import { GraphSession } from "../../src/engine/tensorflow/graph_session.ts";
import { TensorFlowError } from "../../src/engine/tensorflow/status.ts";
import { stepError } from "../../src/engine/tensorflow/step_error.ts";
import { tensorSpecs } from "../../src/model/parameters.ts";
import { initialState } from "../../src/model/tensors.ts";
import { narrow } from "../narrow.ts";
import { useTensorFlow } from "./engine.ts";
import { graphOf } from "./graphs.ts";

const { ignore, reason, engine } = await useTensorFlow("fp32");
const [library] = await installedLibraries(["gpu", "cpu"]);

function newBinding(): EagerBinding {
  return new EagerBinding(openTensorFlow(library.path), {
    deviceCount: { CPU: 2 },
    intraOpThreads: 1,
    allowSoftPlacement: true,
  });
}

const text = (strings: string[]) =>
  strings.map((s) => new TextEncoder().encode(s));

Deno.test({
  name: `the binding keeps numbers, strings and int64, and frees them${reason}`,
  ignore,
  fn() {
    const binding = newBinding();
    const { TF_FLOAT, TF_INT64, TF_STRING, TF_BOOL } = binding;
    const cases: [number[], number, ArrayBufferView | Uint8Array[]][] = [
      [[2, 2], TF_FLOAT, Float32Array.of(1, -2, 0.5, 4)],
      [[0], TF_FLOAT, new Float32Array()],
      [[3], TF_BOOL, Uint8Array.of(1, 0, 1)],
      // The second is longer than what a TF_TString stores inline.
      [
        [2],
        TF_STRING,
        text(["é", "a string of more than 22 bytes, on the heap"]),
      ],
      [[0], TF_STRING, []],
    ];
    for (const [shape, dtype, values] of cases) {
      const id = binding.createTensor(shape, dtype, values);
      assertEquals(binding.tensorDataSync(id), values);
      binding.deleteTensor(id);
    }
    const wide = binding.createTensor(
      [2],
      TF_INT64,
      Int32Array.of(7, 0, -1, -1),
    );
    assertEquals(binding.tensorDataSync(wide), BigInt64Array.of(7n, -1n));
    binding.deleteTensor(wide);
    assertEquals(binding.getNumOfTensors(), 0);
    assertThrows(() => binding.deleteTensor(wide), Error, "no tensor");
  },
});

Deno.test({
  name: `the binding runs operations with every kind of attribute${reason}`,
  ignore,
  fn() {
    const binding = newBinding();
    const { TF_FLOAT, TF_ATTR_INT, TF_ATTR_TYPE, TF_ATTR_STRING } = binding;
    const { TF_ATTR_BOOL, TF_ATTR_FLOAT, TF_ATTR_SHAPE } = binding;
    const T = { name: "T", type: TF_ATTR_TYPE, value: TF_FLOAT };
    const x = binding.createTensor(
      [1, 2, 2, 1],
      TF_FLOAT,
      Float32Array.of(1, 2, 3, 4),
    );
    const [pooled] = binding.executeOp(
      "MaxPool",
      [
        T,
        { name: "ksize", type: TF_ATTR_INT, value: [1, 2, 2, 1] },
        { name: "strides", type: TF_ATTR_INT, value: [1, 2, 2, 1] },
        { name: "padding", type: TF_ATTR_STRING, value: "VALID" },
      ],
      [x],
      1,
    );
    assertEquals(pooled.shape, [1, 1, 1, 1]);
    assertEquals(binding.tensorDataSync(pooled.id), Float32Array.of(4));
    const [leaky] = binding.executeOp(
      "LeakyRelu",
      [
        T,
        { name: "alpha", type: TF_ATTR_FLOAT, value: 0.5 },
      ],
      [x],
      1,
    );
    assertEquals(leaky.dtype, TF_FLOAT);
    const [summed] = binding.executeOp(
      "Sum",
      [
        T,
        { name: "Tidx", type: TF_ATTR_TYPE, value: binding.TF_INT32 },
        { name: "keep_dims", type: TF_ATTR_BOOL, value: true },
      ],
      [x, binding.createTensor([1], binding.TF_INT32, Int32Array.of(1))],
      1,
    );
    assertEquals(binding.tensorDataSync(summed.id), Float32Array.of(4, 6));
    const [fed] = binding.executeOp(
      "PlaceholderWithDefault",
      [
        { name: "dtype", type: TF_ATTR_TYPE, value: TF_FLOAT },
        { name: "shape", type: TF_ATTR_SHAPE, value: [1, 2, 2, 1] },
      ],
      [x],
      1,
    );
    assertEquals(fed.shape, [1, 2, 2, 1]);
  },
});

Deno.test({
  name: `an operation that cannot run is an error with its reason${reason}`,
  ignore,
  fn() {
    const binding = newBinding();
    const ids = [[2, 3], [2, 3]].map((shape) =>
      binding.createTensor(shape, binding.TF_FLOAT, new Float32Array(6))
    );
    const error = assertThrows(
      () => binding.executeOp("MatMul", [], ids, 1),
      TensorFlowError,
      "Matrix size-incompatible",
    );
    assertEquals(error.status, 3);
    assertThrows(() => binding.executeOp("Nope", [], [], 1), TensorFlowError);
    // The tensors can still be used.
    const [ok] = binding.executeOp("AddV2", [], ids, 1);
    assertEquals(ok.shape, [2, 3]);
  },
});

Deno.test({
  name: `TensorBoard's summaries are written by TensorFlow${reason}`,
  ignore,
  async fn() {
    await tf.setBackend("tensorflow");
    const dir = await Deno.makeTempDir();
    try {
      const writer = await summaryWriter(dir);
      writer.scalar("train/loss", -123.5, 2 ** 30);
      writer.flush();
      const [file] = [...Deno.readDirSync(dir)];
      const bytes = Deno.readFileSync(`${dir}/${file.name}`);
      const read = new TextDecoder("latin1").decode(bytes);
      assert(read.includes("train/loss") && read.includes("brain.Event:2"));
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test({
  name: `a session reads aligned, unaligned and shared memory alike${reason}`,
  ignore,
  async fn() {
    using session = engine!.session(
      graphOf([3], (graph, x) => graph.value("Square", [x], [3])),
    );
    const shared = new SharedArrayBuffer(256);
    const memories = [
      new Float32Array(3),
      new Float32Array(new ArrayBuffer(64), 4, 3),
      new Float32Array(shared, 64, 3),
      new Float32Array(shared, 4, 3),
    ];
    for (const values of memories) {
      values.set([1, -2, 3]);
      for (const inPlace of [true, false]) {
        const feed = { name: "x", shape: [3], values, inPlace };
        const [y] = await session.run([feed], ["y"]);
        assertEquals([...y], [1, 4, 9]);
      }
    }
  },
});

Deno.test({
  name: `a session that is disposed of during runs ends after them${reason}`,
  ignore,
  async fn() {
    const side = 600, shape = [side, side];
    const session = engine!.session(
      graphOf(shape, (graph, x) => {
        // As long as it takes to dispose of the session: ten products.
        let y = x;
        for (let i = 0; i < 10; i++) {
          y = graph.value("MatMul", [y, x], shape);
        }
        return y;
      }),
    );
    const values = new Float32Array(side * side);
    for (let i = 0; i < side; i++) values[i * side + i] = 1;
    const feed = { name: "x", shape, values };
    const runs = Promise.all([1, 2, 3].map(() => session.run([feed], ["y"])));
    session[Symbol.dispose]();
    const late = await assertRejects(() => session.run([feed], ["y"]));
    assertEquals(codeOf(late), "INVALID_ARGUMENT");
    for (const [y] of await runs) assertEquals(y, values);
    session[Symbol.dispose]();
  },
});

Deno.test({
  name: `an array of another length than the batch is refused${reason}`,
  ignore,
  async fn() {
    using session = engine!.session(
      graphOf([3], (graph, x) => graph.value("Square", [x], [3])),
    );
    for (const length of [0, 2, 4]) {
      for (const inPlace of [true, false]) {
        const values = new Float32Array(length);
        const error = await assertRejects(() =>
          session.run([{ name: "x", shape: [3], values, inPlace }], ["y"])
        );
        assertEquals(codeOf(error), "INVALID_ARGUMENT");
      }
    }
  },
});

Deno.test({
  name: `weights do not live in the memory that they were fed from${reason}`,
  ignore,
  async fn() {
    const options = narrow({
      width: 4,
      hidden: 16,
      embedding: 8,
      images: 2,
      patches: 2,
    });
    const specs = tensorSpecs(options.model);
    const state = initialState(specs, 0), same = initialState(specs, 0);
    const trainer = await engine!.trainer(options, state);
    // As if the garbage collector had freed the memory and it were reused.
    for (const values of state.values()) values.fill(NaN);
    assertEquals(await trainer.state(), same);
    trainer.dispose();
  },
});

Deno.test({
  name:
    `batches that are uploaded beside a step are those of the next${reason}`,
  ignore,
  async fn() {
    const options = narrow({
      width: 8,
      hidden: 16,
      embedding: 8,
      images: 4,
      patches: 2,
    });
    const state = initialState(tensorSpecs(options.model), 0);
    const batches = [1, 2, 3].map((seed) =>
      Uint8Array.from(
        { length: 8 * 16 * 16 * 3 },
        (_, i) => Math.imul(i + seed, 2654435761 * seed) >>> 24,
      )
    );
    const plain = await engine!.trainer(options, state);
    const wanted: number[] = [];
    for (const bytes of batches) {
      wanted.push((await plain.step(bytes, 0.3)).loss);
    }
    plain.dispose();
    const staged = await engine!.trainer({ ...options, staged: true }, state);
    const found: number[] = [];
    await staged.upload!(batches[0]!);
    for (const at of batches.keys()) {
      // The bytes given to step() are ignored: the batch is already on the device.
      const step = staged.step(new Uint8Array(), 0.3);
      if (at + 1 < batches.length) {
        await staged.upload!(batches[at + 1]!.slice());
      }
      found.push((await step).loss);
    }
    staged.dispose();
    assertEquals(found, wanted);
    assert(new Set(found).size === 3, "each batch has its own loss");
  },
});

Deno.test({
  name: `a matrix that has no inverse is «not finite»${reason}`,
  ignore,
  async fn() {
    for (const value of [NaN, 0]) {
      using session = engine!.session(
        graphOf(
          [2, 2],
          (graph, x) => graph.value("MatrixInverse", [x], [2, 2]),
        ),
      );
      const values = new Float32Array(4).fill(value);
      const error = await assertRejects(() =>
        session.run([{ name: "x", shape: [2, 2], values }], ["y"])
      );
      assertEquals(codeOf(error), "NOT_FINITE", `${error}`);
    }
  },
});

Deno.test("every kind of TensorFlow's errors has its own code", () => {
  const cases: [number, string, string][] = [
    [8, "OOM when allocating tensor", "STEP_FAILED"],
    [13, "failed to allocate 4 GiB", "STEP_FAILED"],
    [3, "Input is not invertible.", "NOT_FINITE"],
    [14, "Socket closed", "PEER_LOST"],
    [5, "Op type not registered 'Nope'", "STEP_FAILED"],
  ];
  for (const [status, message, code] of cases) {
    const error = stepError(new TensorFlowError(status, message), ["loss"]);
    assertEquals(codeOf(error), code, message);
  }
  const bug = new TypeError("a bug");
  assertEquals(stepError(bug, []), bug);
});

Deno.test({
  name:
    `a graph that TensorFlow does not know is refused with its words${reason}`,
  ignore,
  fn() {
    const bad = graphOf([1], (graph, x) => graph.value("Nope", [x], [1]));
    const error = assertThrows(() => engine!.session(bad), Error, "Nope");
    assertEquals(codeOf(error), "ENGINE_UNAVAILABLE");
  },
});

Deno.test({
  name: `a traced run tells how long each kernel took${reason}`,
  ignore,
  async fn() {
    const side = 512, shape = [side, side];
    const graph = graphOf(
      shape,
      (graph, x) => graph.value("Relu", [graph.matMul(x, x)], shape),
    );
    const runs: KernelTime[][] = [];
    const c = tracing(
      openTensorFlow(library.path),
      (kernels) => runs.push(kernels),
    );
    using session = GraphSession.load(c, graph, { config: {} });
    const values = new Float32Array(side ** 2).fill(1);
    for (let i = 0; i < 2; i++) {
      const [y] = await session.run([{ name: "x", shape, values }], ["y"]);
      assertEquals(y![0], side);
    }
    assertEquals(runs.length, 2);
    const [products] = runs[1]!.filter(({ op }) => /MatMul/.test(op));
    assert(products!.seconds > 0 && products!.seconds < 10, "no time");
  },
});

Deno.test("of a GPU's trace the kernels of all streams count, by operation", () => {
  // `DeviceStepStats`: field 1 is the device's name, 2 a kernel; of a kernel, 1 is the
  // name, 4 the end in microseconds from its start, 8 the label, as TensorFlow's CUPTI
  // tracer writes them.
  const text = (id: number, value: Uint8Array | string) => {
    const bytes = typeof value === "string"
      ? new TextEncoder().encode(value)
      : value;
    return Uint8Array.of(id << 3 | 2, bytes.length, ...bytes);
  };
  const kernel = (name: string, micros: number, label: string) =>
    text(
      2,
      Uint8Array.of(...text(1, name), 4 << 3, micros, ...text(8, label)),
    );
  const device = (name: string, ...kernels: Uint8Array[]) =>
    text(1, Uint8Array.of(...text(1, name), ...kernels.flatMap((k) => [...k])));
  const stats = Uint8Array.of(
    ...device("/device:CPU:0", kernel("loss", 90, "loss = Sum(x)")),
    ...device(
      "/device:GPU:0/stream:all",
      kernel("conv", 7, "xmma regs:90@@conv:Conv2D"),
      kernel("wait", 2, "memset"),
    ),
    ...device("/device:GPU:0/stream:14", kernel("conv", 7, "@@conv:Conv2D")),
  );
  // The length is a varint of two bytes, since it is over 127.
  const metadata = Uint8Array.of(
    ...[1 << 3 | 2, stats.length & 127 | 128, stats.length >> 7],
    ...stats,
  );
  assertEquals(kernelTimes(metadata), [
    { op: "Conv2D", seconds: 7e-6 },
    { op: "wait", seconds: 2e-6 },
  ]);
});
