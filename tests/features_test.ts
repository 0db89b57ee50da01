/** Features in memory and on disk, and the files that they are written to. */
import { parquetReadObjects } from "npm:hyparquet@1.31.5";
import { KeptFeatures } from "../src/evaluate/kept_features.ts";
import { openDataset } from "../src/data/open_dataset.ts";
import { keptPrecision, PartFile } from "../src/evaluate/part_file.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Features } from "../src/evaluate/features.ts";
import {
  checkOutputFile,
  textOf,
  writeFeatures,
  writeRows,
} from "../src/evaluate/write_features.ts";
import { decodeSafetensors } from "../src/checkpoint/safetensors.ts";
import { withFolder, writeImages } from "./images.ts";

const WIDTH = 6, COUNT = 2500;
/** Numbers that fp16 represents exactly. */
const VALUES = Float32Array.from(
  { length: COUNT * WIDTH },
  (_, i) => (i % 401 - 200) / 16,
);
const LABELS = Int32Array.from({ length: COUNT }, (_, i) => i % 7);

/** Features written in pieces that do not align with the blocks. */
function make(memoryLimit?: number): Features {
  const features = new Features({ width: WIDTH, labels: LABELS }, memoryLimit);
  for (let first = 0; first < COUNT; first += 300) {
    const rows = VALUES.subarray(first * WIDTH, (first + 300) * WIDTH);
    features.write(rows, first);
  }
  return features;
}

Deno.test("Features are the same in memory and on disk", () => {
  for (const limit of [undefined, 0]) {
    using features = make(limit);
    assertEquals([...features.rows([3, 0, 3])], [
      ...[3, 0, 3].flatMap((i) => [
        ...VALUES.subarray(i * WIDTH, (i + 1) * WIDTH),
      ]),
    ]);
    const blocks = [...features.blocks(1000)];
    assertEquals(blocks.map(({ first }) => first), [0, 1000, 2000]);
    assertEquals(blocks[2].rows.length, 500 * WIDTH);
    assertEquals(blocks[2].rows[0], VALUES[2000 * WIDTH]);
  }
});

/** Parses a .npy file: the header's text and the values. */
function readNpy(bytes: Uint8Array): { header: string; data: ArrayBuffer } {
  assertEquals([...bytes.subarray(0, 8)], [0x93, 78, 85, 77, 80, 89, 1, 0]);
  const length = new DataView(bytes.buffer).getUint16(8, true);
  assertEquals((10 + length) % 64, 0);
  return {
    header: new TextDecoder().decode(bytes.subarray(10, 10 + length)).trim(),
    data: bytes.slice(10 + length).buffer,
  };
}

Deno.test("writeFeatures() writes .npy files of both splits", async () => {
  await withFolder(async (dir) => {
    using train = make(0), test = make();
    writeFeatures(`${dir}/out`, { train, test });
    const names = [...Deno.readDirSync(`${dir}/out`)].map((e) => e.name);
    assertEquals(names.sort(), [
      "test_features.npy",
      "test_labels.npy",
      "train_features.npy",
      "train_labels.npy",
    ]);
    const features = readNpy(
      await Deno.readFile(`${dir}/out/train_features.npy`),
    );
    assertEquals(
      features.header,
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2500, 6,), }",
    );
    assertEquals(new Float32Array(features.data), VALUES);
    const labels = readNpy(await Deno.readFile(`${dir}/out/test_labels.npy`));
    assert(labels.header.includes("'<i4'"));
    assertEquals(new Int32Array(labels.data), LABELS);
  });
});

Deno.test("writeFeatures() writes one .safetensors file", async () => {
  await withFolder(async (dir) => {
    using train = make(), test = make();
    const path = `${dir}/features.safetensors`;
    writeFeatures(path, { train, test });
    const { tensors } = decodeSafetensors(await Deno.readFile(path), path);
    assertEquals(tensors.get("test_features")!.shape, [COUNT, WIDTH]);
    assertEquals(tensors.get("train_features")!.values, VALUES);
  });
});

Deno.test("rows that are kept are found again, by the same work only", async () => {
  await withFolder((dir) => {
    const path = `${dir}/x.npy.part`, rowBytes = 4 * WIDTH;
    const open = (model: number, changed = -1) => {
      const stamps = new Float64Array(3 * LABELS.length).fill(1);
      if (changed >= 0) stamps[3 * changed + 2] = 2;
      return PartFile.open(path, {
        width: WIDTH,
        identity: ["model", model],
        precision: "bf16",
        stamps,
      });
    };
    const first = open(1);
    // Two processes must not write the same file.
    assertThrows(() => open(1), Error, "another process is writing it");
    assertEquals([first.done, first.skipped], [0, []]);
    {
      using rows = new Features({ width: WIDTH, labels: LABELS, keep: path });
      rows.write(new Float32Array(2 * WIDTH).fill(0.5), 0);
      rows.write(new Float32Array(WIDTH).fill(0.1), 2);
    }
    first.skip(1);
    // Cut off within a row.
    Deno.truncateSync(path, 3 * rowBytes - 1);
    first[Symbol.dispose]();
    const again = open(1);
    assertEquals([again.done, again.skipped], [2, [1]]);
    {
      using rows = new Features({ width: WIDTH, labels: LABELS, keep: path });
      assertEquals(rows.rows([1]), new Float32Array(WIDTH).fill(0.5));
    }
    again[Symbol.dispose]();
    // A row whose image has been replaced is computed again.
    const replaced = open(1, 1);
    assertEquals([replaced.done, replaced.skipped], [1, []]);
    replaced[Symbol.dispose]();
    // Also if the process that detected the change was interrupted at once.
    const interrupted = open(1, 1);
    assertEquals([interrupted.done, interrupted.skipped], [1, []]);
    interrupted[Symbol.dispose]();
    // Rows of other work are not thrown away.
    assertThrows(
      () => open(2),
      Error,
      "an interrupted call with other settings",
    );
    assertEquals(keptPrecision(path), "bf16");
    Deno.truncateSync(path);
    const other = open(2);
    assertEquals([other.done, other.skipped], [0, []]);
    other.remove();
    other[Symbol.dispose]();
    assertEquals([...Deno.readDirSync(dir)], []);
    return Promise.resolve();
  });
});

Deno.test("rows are found again where runs lie beside the shards of the data", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 2 });
    const dataset = await openDataset({ name: "images", dir, split: "train" });
    const sets = { train: dataset, test: dataset };
    const shard = `${dir}/train-0.parquet`;
    await Deno.writeTextFile(shard, "images");
    const of = {
      ...{ isOfFiles: false, shards: [shard], identity: "a run" },
      width: WIDTH,
    };
    const make = () => new KeptFeatures({ dir: `${dir}/run`, sets, ...of });
    const found = () => make().precision;
    assertEquals(found(), undefined);
    using kept = make();
    const part = kept.open("test", {
      ...{ engine: "cpu", version: "1", device: "CPU", precision: "fp32" },
    });
    await Deno.writeFile(part!.path, new Uint8Array(4 * WIDTH));
    assertEquals(found(), "fp32");
    await Deno.writeTextFile(`${dir}/run/metrics.jsonl`, "a line");
    assertEquals(found(), "fp32");
    // What is no shard of it does not matter, even if it cannot be read.
    await Deno.symlink("nowhere", `${dir}/train-1.parquet`);
    assertEquals(found(), "fp32");
    await Deno.writeTextFile(shard, "other images");
    assertEquals(found(), undefined);
    // Rows in half precision are another file.
    const wide = { dir: `${dir}/run`, sets, ...of, width: 2 ** 28 };
    assertEquals(new KeptFeatures(wide).precision, undefined);
    // The folder is a file.
    let refused = "";
    using elsewhere = new KeptFeatures({ dir: shard, sets, ...of });
    const report = { engine: "cpu", version: "1", device: "CPU" } as const;
    elsewhere.open("test", { ...report, precision: "fp32" }, (why) => {
      refused = why;
    });
    assert(refused !== "");
  });
});

Deno.test("a line of names is a line, and can be read back", () => {
  const names = ["a.jpg", "b\r.jpg", "c\n.jpg", "d\\n.jpg"];
  const lines = textOf(names).split(/[\r\n]/);
  assertEquals(lines.length, names.length + 1);
  const read = lines.map((line) => JSON.parse(`"${line}"`));
  assertEquals(read, [...names, ""]);
});

Deno.test("a file of features cannot be a folder", async () => {
  await withFolder(async (dir) => {
    checkOutputFile(`${dir}/a.npy`);
    await Deno.mkdir(`${dir}/a.npy`);
    assertThrows(
      () => checkOutputFile(`${dir}/a.npy`),
      Error,
      `Cannot write ${dir}/a.npy: it is a folder, name another file`,
    );
  });
});

Deno.test("a Parquet file has paths and features, group by group", async () => {
  await withFolder(async (dir) => {
    const count = 600, labels = new Int32Array(count);
    using features = new Features({ width: WIDTH, labels });
    const values = Float32Array.from(
      { length: count * WIDTH },
      (_, i) => Math.sin(i),
    );
    features.write(values, 0);
    const names = Array.from({ length: count }, (_, i) => `a/${i} ä.jpg`);
    writeRows(`${dir}/x.parquet`, features, names);
    const { buffer } = await Deno.readFile(`${dir}/x.parquet`);
    const rows = await parquetReadObjects({ file: buffer });
    assertEquals(rows.length, count);
    assertEquals(rows.map(({ path }) => path), names);
    assertEquals(rows.flatMap(({ features }) => features), [...values]);
  });
});
