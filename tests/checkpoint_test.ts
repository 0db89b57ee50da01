import "./flags.ts";
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { SampledRank } from "../src/train/sampled_rank.ts";
import { writeAtomically } from "../src/common/atomic_file.ts";
import { concatBytes } from "../src/common/files.ts";
import {
  readCheckpoint,
  readCheckpointInfo,
} from "../src/checkpoint/checkpoint.ts";
import {
  checkInitialWeights,
  readInitialWeights,
} from "../src/checkpoint/initial_weights.ts";
import { architecture } from "../src/model/architectures.ts";
import { convertLayout, torchShape } from "../src/model/layout.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import { initialState, sizeOf } from "../src/model/tensors.ts";
import {
  checkFinite,
  collapsedRate,
  CollapseWatch,
} from "../src/train/health.ts";
import { MetricsLog } from "../src/train/metrics.ts";
import { removeUnsavedRun, RunFolder } from "../src/checkpoint/run_folder.ts";
import { saveCheckpoint } from "../src/checkpoint/save_checkpoint.ts";
import { findCheckpoint } from "../src/checkpoint/find_checkpoint.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensorsMetadata,
  safetensorsHeader,
} from "../src/checkpoint/safetensors.ts";
import { withFolder } from "./images.ts";

const FILE = encodeSafetensors([
  { name: "a", shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) },
  { name: "b", shape: [1], values: Float32Array.of(5) },
], { note: "hello" });

/** The length of a file's header in bytes. */
function headerOf({ buffer }: Uint8Array): number {
  return Number(new DataView(buffer).getBigUint64(0, true));
}

/** The same file with another header. */
function withHeader(change: (header: Record<string, unknown>) => void) {
  const length = headerOf(FILE);
  const header = JSON.parse(
    new TextDecoder().decode(FILE.subarray(8, 8 + length)),
  );
  change(header);
  const head = new TextEncoder().encode(JSON.stringify(header));
  const data = FILE.subarray(8 + length);
  const file = new Uint8Array(8 + head.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  file.set(data, 8 + head.length);
  return file;
}

Deno.test("safetensors go there and back", () => {
  const { tensors, metadata } = decodeSafetensors(FILE, "x");
  assertEquals([...tensors.get("a")!.values], [1, 2, 3, 4]);
  assertEquals(tensors.get("a")!.shape, [2, 2]);
  assertEquals(metadata, { note: "hello" });
});

Deno.test("numbers of other types are read as float32, whole ones are left out", () => {
  const types = {
    BF16: Uint16Array.of(0x3f80, 0xc020), // 1, −2.5
    F16: Uint16Array.of(0x3c00, 0xc100),
    F64: Float64Array.of(1, -2.5),
    I64: BigInt64Array.of(1n, 2n),
  };
  for (const [dtype, values] of Object.entries(types)) {
    const data_offsets = [0, values.byteLength];
    const header = JSON.stringify({ t: { dtype, shape: [2], data_offsets } });
    const head = new Uint8Array(8);
    new DataView(head.buffer).setBigUint64(0, BigInt(header.length), true);
    const file = concatBytes([
      head,
      new TextEncoder().encode(header),
      new Uint8Array(values.buffer),
    ]);
    const found = decodeSafetensors(file, "x").tensors.get("t");
    assertEquals(
      found && [...found.values],
      dtype === "I64" ? undefined : [1, -2.5],
    );
  }
});

Deno.test("a header whose length begins like a pickle is read", () => {
  // 0x80 0x02, and «PK».
  for (const wanted of [0x280, 0x4b50]) {
    const begin = { note: "" }, values = Float32Array.of(7);
    const empty = safetensorsHeader([], begin).length;
    const note = "a".repeat(wanted + 8 - empty - 80);
    const tensors = [{ name: "t", shape: [1], values }];
    let file = encodeSafetensors(tensors, { note });
    for (let more = 1; headerOf(file) < wanted; more++) {
      file = encodeSafetensors(tensors, { note: note + "a".repeat(more) });
    }
    assertEquals(headerOf(file), wanted);
    const { tensors: found } = decodeSafetensors(file, "x");
    assertEquals([...found.get("t")!.values], [7]);
  }
});

Deno.test("decodeSafetensors() refuses hostile files", () => {
  const entry = (from: number, to: number, shape: unknown = [2, 2]) => ({
    dtype: "F32",
    shape,
    data_offsets: [from, to],
  });
  const huge = FILE.slice();
  new DataView(huge.buffer).setBigUint64(0, 2n ** 60n, true);
  const bad: [Uint8Array, string][] = [
    [new Uint8Array(3), "shorter than its header"],
    [huge, "length of 1152921504606846976 bytes"],
    [FILE.subarray(0, FILE.length - 4), "do not match its shape"],
    [withHeader((h) => h.a = entry(0, 99)), "do not match its shape"],
    [withHeader((h) => h.a = entry(8, 0)), "do not match its shape"],
    [withHeader((h) => h.a = entry(0, 16, [3])), "do not match its shape"],
    [withHeader((h) => h.a = entry(0, 16, [-2, -2])), "malformed"],
    [withHeader((h) => h.a = entry(0, 16, "2")), "malformed"],
    [withHeader((h) => h.a = 3), "malformed"],
    [withHeader((h) => h.b = entry(12, 16, [1])), "overlap"],
  ];
  for (const [file, why] of bad) {
    assertThrows(() => decodeSafetensors(file, "x"), Error, why);
  }
  const noise = FILE.slice();
  noise.fill(255, 8, 12);
  assertThrows(() => decodeSafetensors(noise, "x"), Error, "is not JSON");
});

Deno.test("a file is written whole or not at all", async () => {
  await withFolder(async (dir) => {
    const path = `${dir}/a.bin`;
    writeAtomically(path, Uint8Array.of(1));
    writeAtomically(path, Uint8Array.of(2, 3));
    assertEquals([...await Deno.readFile(path)], [2, 3]);
    assertEquals([...Deno.readDirSync(dir)].length, 1);
    assertThrows(
      () => writeAtomically(`${dir}/none/a.bin`, Uint8Array.of(1)),
      Error,
      "Cannot write",
    );
  });
});

const SAVED = {
  model: () => Promise.resolve(FILE),
  optimizer: () => Promise.resolve(FILE.slice(0, 100)),
  keep: 3,
};

Deno.test("findCheckpoint() takes a folder's newest, and says what is wrong", async () => {
  await withFolder(async (dir) => {
    assertThrows(() => findCheckpoint(dir), Error, "no checkpoint in it");
    assertThrows(() => findCheckpoint(`${dir}/x`), Error, "no such file");
    for (const step of [1, 10, 9]) {
      await saveCheckpoint(dir, { ...SAVED, step });
    }
    const found = findCheckpoint(dir);
    assertEquals(found.path, `${dir}/checkpoint-00000010.safetensors`);
    assertEquals([found.step, found.damaged], [10, []]);
    assertThrows(
      () => readCheckpoint(dir),
      Error,
      "it has no EMP-SSL configuration",
    );
    assertThrows(
      () => readCheckpointInfo(dir),
      Error,
      "it has no EMP-SSL configuration",
    );
  });
});

Deno.test("saveCheckpoint() keeps the newest, and clears what was cut off", async () => {
  await withFolder(async (dir) => {
    await Deno.writeFile(`${dir}/checkpoint-00000002.safetensors.tmp`, FILE);
    await Deno.writeFile(`${dir}/checkpoint-00000002.safetensors`, FILE);
    for (const step of [3, 6, 9]) {
      await saveCheckpoint(dir, { ...SAVED, step, keep: 2 });
    }
    const names = [...Deno.readDirSync(dir)].map((entry) => entry.name);
    assertEquals(
      names.sort(),
      ["00000006", "00000009"].flatMap((step) => [
        `checkpoint-${step}.json`,
        `checkpoint-${step}.optimizer.safetensors`,
        `checkpoint-${step}.safetensors`,
      ]),
    );
  });
});

Deno.test("a checkpoint damaged at every sixteenth of its length is passed over", async () => {
  await withFolder(async (dir) => {
    await saveCheckpoint(dir, { ...SAVED, step: 1 });
    const names = ["safetensors", "optimizer.safetensors", "json"];
    for (const name of names.map((end) => `checkpoint-00000002.${end}`)) {
      for (let sixteenth = 0; sixteenth < 16; sixteenth++) {
        for (const damage of ["cut", "flipped"]) {
          await saveCheckpoint(dir, { ...SAVED, step: 2 });
          assertEquals(findCheckpoint(dir).step, 2);
          const bytes = await Deno.readFile(`${dir}/${name}`);
          const at = Math.floor(bytes.length * sixteenth / 16);
          // In a manifest a colon is flipped: a flipped space might change nothing.
          const place = name.endsWith("json") ? bytes.indexOf(0x3a, at) : at;
          if (damage === "flipped" && place >= 0) bytes[place] ^= 0x10;
          else if (damage === "flipped") continue;
          const left = damage === "cut" ? bytes.subarray(0, at) : bytes;
          await Deno.writeFile(`${dir}/${name}`, left);
          const found = findCheckpoint(dir);
          assertEquals(found.step, 1, `${name} ${damage} at ${at}`);
          assertEquals(found.damaged.length, 1);
        }
      }
    }
    await Deno.remove(`${dir}/checkpoint-00000002.json`);
    await Deno.writeFile(
      `${dir}/checkpoint-00000001.safetensors`,
      FILE.slice(1),
    );
    assertThrows(() => findCheckpoint(dir), Error, "all are damaged");
  });
});

Deno.test("two runs cannot have the same folder", async () => {
  await withFolder((dir) => {
    {
      using _first = RunFolder.take(`${dir}/run/`, "new");
      for (const mode of ["new", "existing"] as const) {
        assertThrows(
          () => RunFolder.take(`${dir}/run`, mode),
          Error,
          "another process is writing a run there",
        );
      }
    }
    {
      using _second = RunFolder.take(`${dir}/run`, "new");
      Deno.writeTextFileSync(`${dir}/run/config.json`, "{}");
    }
    assertThrows(
      () => RunFolder.take(`${dir}/run`, "new"),
      Error,
      "ended before its first checkpoint, delete it, or name another",
    );
    return Promise.resolve();
  });
});

Deno.test("a run without a complete checkpoint is removed, another is not", async () => {
  await withFolder(async (dir) => {
    const run = `${dir}/run`;
    const write = async (...names: string[]) => {
      await Deno.mkdir(run, { recursive: true });
      for (const name of names) await Deno.writeTextFile(`${run}/${name}`, "");
    };
    // The disk was full before the first manifest could be written.
    await write("config.json", "checkpoint-00000015.safetensors");
    removeUnsavedRun(run);
    assertEquals([...Deno.readDirSync(dir)], []);
    await write("checkpoint-00000015.safetensors", "checkpoint-00000015.json");
    assertThrows(() => removeUnsavedRun(run), Error, "no usable checkpoint");
    const file = `${run}/checkpoint-00000015.safetensors`;
    assertThrows(
      () => RunFolder.take(file, "existing"),
      Error,
      "it is a file, not a run's folder",
    );
  });
});

Deno.test("MetricsLog takes away what a cut-off run has left", async () => {
  await withFolder(async (dir) => {
    const path = `${dir}/metrics.jsonl`;
    await Deno.writeTextFile(
      path,
      '{"step":0}\n{"step":1}\n{"step":1,"probe":1}\n{"step":2}\n{"st',
    );
    {
      using log = new MetricsLog(path, 2);
      log.write({ step: 2, again: true });
    }
    assertEquals(
      await Deno.readTextFile(path),
      '{"step":0}\n{"step":1}\n{"step":1,"probe":1}\n{"step":2,"again":true}\n',
    );
  });
});

Deno.test("a collapsed representation ends the run, a short dip does not", () => {
  const collapsed = {
    loss: 0,
    invariance: 0.9999,
    // ½ log(1 + 64 / 0.2)
    tcr: 2.886,
    effectiveRank: 1.2,
  };
  assertAlmostEquals(collapsedRate(64, 0.2), 2.886, 1e-3);
  const sound = { loss: 0, invariance: 0.9, tcr: 70, effectiveRank: 12 };
  const watch = new CollapseWatch(64, 0.2);
  for (let step = 0; step < 100; step++) {
    watch.watch(step, step % 20 === 19 ? sound : collapsed);
  }
  assertThrows(
    () => {
      for (let step = 100; step < 130; step++) watch.watch(step, collapsed);
    },
    Error,
    "the representation has collapsed",
  );
  // Neither similar patches nor a low coding rate alone are a collapse.
  for (const part of [{ tcr: 70 }, { invariance: 0.9 }]) {
    const alone = new CollapseWatch(64, 0.2);
    for (let step = 0; step < 30; step++) {
      alone.watch(step, { ...collapsed, ...part });
    }
  }
  const narrow = new CollapseWatch(64, 0.2);
  assertThrows(
    () => {
      for (let step = 0; step < 20; step++) {
        narrow.watch(step, { ...sound, effectiveRank: 1.05 });
      }
    },
    Error,
    "effective rank 1.05",
  );
});

Deno.test("readInitialWeights() takes wrappers off the names, and tells a pickle", async () => {
  await withFolder(async (dir) => {
    const { model } = architecture("resnet18-cifar");
    const specs = tensorSpecs({ ...model, width: 8, hidden: 16, embedding: 8 });
    const state = initialState(specs, 7);
    const backbone = specs.filter(({ name }) => name.startsWith("backbone."));
    const path = `${dir}/w.safetensors`;
    const prefixes = [
      "",
      "module.",
      "encoder.",
      "module.encoder_q.",
      "model.",
      "_orig_mod.",
      "resnet.",
      "backbone.",
      "module.backbone.",
    ];
    for (const prefix of prefixes) {
      const tensors = backbone.map((spec) => ({
        name: prefix + spec.name.slice("backbone.".length),
        shape: torchShape(spec),
        values: convertLayout(spec, state.get(spec.name)!, "torch"),
      }));
      await Deno.writeFile(path, encodeSafetensors(tensors, {}));
      const found = readInitialWeights(path, specs, 1);
      for (const { name } of backbone) {
        assertEquals(found.get(name), state.get(name), prefix + name);
      }
      const missing = checkInitialWeights(specs, { init: path });
      assertEquals(missing.some((n) => n.startsWith("backbone.")), false);
    }
    // A Sequential of the children of torchvision's ResNet, as lightly's examples have.
    const places = ["conv1", "bn1", "relu", "maxpool"];
    const indexed = backbone.map((spec) => ({
      name: spec.name.replace(
        /^backbone\.(layer)?(\w+)/,
        (_, layer, rest) =>
          `backbone.${layer ? 3 + Number(rest) : places.indexOf(rest)}`,
      ),
      shape: torchShape(spec),
      values: convertLayout(spec, state.get(spec.name)!, "torch"),
    }));
    assert(indexed.some(({ name }) => name === "backbone.4.0.conv1.weight"));
    await Deno.writeFile(path, encodeSafetensors(indexed, {}));
    const children = readInitialWeights(path, specs, 1);
    for (const { name } of backbone) {
      assertEquals(children.get(name), state.get(name), name);
    }
    // ResNet-34 has all blocks of ResNet-18, and more.
    const deeper = { ...model, depth: 34, width: 8 } as const;
    const tensors = tensorSpecs({ ...deeper, hidden: 16, embedding: 8 })
      .filter(({ name }) => name.startsWith("backbone."))
      .map((spec) => ({
        name: spec.name.slice("backbone.".length),
        shape: torchShape(spec),
        values: new Float32Array(sizeOf(spec.shape)),
      }));
    await Deno.writeFile(path, encodeSafetensors(tensors, {}));
    assertThrows(
      () => readInitialWeights(path, specs, 1),
      Error,
      "it has layer1.2.conv1.weight, which this ResNet does not have",
    );
    await Deno.writeFile(path, FILE);
    assertThrows(
      () => readInitialWeights(path, specs, 1),
      Error,
      "its tensors are a, b",
    );
    await Deno.writeFile(
      `${dir}/w.pth`,
      new TextEncoder().encode("PK\x03\x04"),
    );
    assertThrows(
      () => readInitialWeights(`${dir}/w.pth`, specs, 1),
      Error,
      "it is a pickle",
    );
    const whole = new TextEncoder().encode("PK\x03\x04 and more than a header");
    await Deno.writeFile(`${dir}/w.pth`, whole);
    assertThrows(
      () => readSafetensorsMetadata(`${dir}/w.pth`),
      Error,
      "it is a pickle",
    );
    await Deno.writeTextFile(`${dir}/w.pth`, "a text of some length");
    assertThrows(
      () => readSafetensorsMetadata(`${dir}/w.pth`),
      Error,
      "or no .safetensors file",
    );
    const broken = backbone.map((spec) => ({
      name: spec.name,
      shape: torchShape(spec),
      values: convertLayout(spec, state.get(spec.name)!, "torch"),
    }));
    broken[3]!.values[0] = NaN;
    await Deno.writeFile(path, encodeSafetensors(broken, {}));
    assertThrows(
      () => readInitialWeights(path, specs, 1),
      Error,
      `its tensor ${broken[3]!.name} has values that are not finite`,
    );
  });
});

Deno.test("a state that is not finite becomes no checkpoint", () => {
  const state = new Map([["a", Float32Array.of(1, 2)]]);
  checkFinite(state, 3);
  for (const bad of [NaN, Infinity, -Infinity]) {
    state.set("b", Float32Array.of(0, bad));
    assertThrows(() => checkFinite(state, 3), Error, "b is not finite");
  }
});

Deno.test("a new folder that no run began in goes; one with a run stays", async () => {
  await withFolder(async (dir) => {
    {
      using _ = RunFolder.take(`${dir}/a`, "new");
      await Deno.writeTextFile(`${dir}/a/images.txt`, "");
    }
    assertEquals([...Deno.readDirSync(dir)], []);
    {
      using _ = RunFolder.take(`${dir}/b`, "new");
      await Deno.writeTextFile(`${dir}/b/config.json`, "{}");
    }
    assertEquals([...Deno.readDirSync(dir)].length, 1);
    // A data set's folder, which has a file of the index's name, is left as it is.
    await Deno.mkdir(`${dir}/c`);
    await Deno.writeTextFile(`${dir}/c/images.txt`, "1 001.Albatross/a.jpg");
    assertThrows(
      () => RunFolder.take(`${dir}/c`, "new"),
      Error,
      "it holds images.txt, which is not a run's",
    );
    const left = [...Deno.readDirSync(`${dir}/c`)].map(({ name }) => name);
    assertEquals(left, ["images.txt"]);
    // The first checkpoint was never completed: nothing can be resumed.
    await Deno.writeTextFile(`${dir}/b/checkpoint-00000004.safetensors`, "");
    assertThrows(
      () => RunFolder.take(`${dir}/b`, "new"),
      Error,
      "which ended before its first checkpoint, delete it",
    );
  });
});

Deno.test("writeAtomically() leaves the old file, and nothing else, where it fails", async () => {
  await withFolder(async (dir) => {
    const path = `${dir}/x`;
    writeAtomically(path, Uint8Array.of(1));
    assertThrows(
      () =>
        writeAtomically(path, (temporary) => {
          Deno.writeFileSync(temporary, Uint8Array.of(2));
          throw new Error("No space left on device (os error 28)");
        }, { remedy: "choose another --dir" }),
      Error,
      "the disk is full, make room on it, or choose another --dir",
    );
    assertEquals([...Deno.readDirSync(dir)].map((e) => e.name), ["x"]);
    assertEquals(await Deno.readFile(path), Uint8Array.of(1));
  });
});

Deno.test("a low effective rank is computed again at the next step", () => {
  let now = 0;
  const rank = new SampledRank({ now: () => now += 50, low: 1.1 });
  const low = Float32Array.of(1, 1, 1, 1), high = Float32Array.of(1, 0, 0, 1);
  assert(rank.of(low, 1) < 1.01);
  assert(rank.of(high, 1) > 1.99);
  // Now it is kept for some steps.
  assert(rank.of(low, 1) > 1.99);
});

Deno.test("the effective rank takes a hundredth of the steps' time", () => {
  let now = 0;
  // Each call of the clock adds 50 ms, so that the rank seems to take 50 ms.
  const rank = new SampledRank({ now: () => now += 50 });
  const grams = [Float32Array.of(1, 0, 0, 1), Float32Array.of(1, 1, 1, 1)];
  const [two, one] = grams.map((gram) => rank.of(gram, 100));
  assert(two! > 1.99 && one! < 1.01);
  // That is 5 % of a step of 1 s: the rank is computed at every fifth step.
  const fast = new SampledRank({ now: () => now += 50 });
  const ranks = Array.from(
    { length: 10 },
    (_, i) => fast.of(grams[i < 1 ? 0 : 1]!, 1),
  );
  assertEquals(ranks.map((value) => value > 1.5), [
    ...Array(5).fill(true),
    ...Array(5).fill(false),
  ]);
});
