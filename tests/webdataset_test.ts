/** Shards of a WebDataset. */
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { packTar } from "npm:modern-tar@0.8.6";
import { openDataset, openForThreads } from "../src/data/open_dataset.ts";
import { tarMembers } from "../src/data/tar_members.ts";
import { loadSharp } from "../src/deps/sharp.ts";
import { photo } from "./formula.ts";
import { withFolder } from "./images.ts";
import { NARROW_FLAGS } from "./narrow.ts";
import { engineForTasks, runTask } from "./tasks.ts";

const { ignore, reason } = await engineForTasks();

type Entry = [name: string, body: Uint8Array | string];

async function writeTar(path: string, entries: Entry[]): Promise<void> {
  const encoder = new TextEncoder();
  const tar = await packTar(entries.map(([name, text]) => {
    const body = typeof text === "string" ? encoder.encode(text) : text;
    return { header: { name, size: body.length, type: "file" as const }, body };
  }));
  await Deno.writeFile(path, tar);
}

async function png(seed: number): Promise<Uint8Array> {
  const { data } = photo(32, 32, seed);
  const sharp = await loadSharp();
  return await sharp(data, { raw: { width: 32, height: 32, channels: 3 } })
    .png().toBuffer();
}

/** Two shards for training and one for testing, of `each` samples. */
async function writeShards(dir: string, each: number): Promise<void> {
  const shards = ["train-0000", "train-0001", "val-0000"];
  for (const [shard, name] of shards.entries()) {
    const entries: Entry[] = [];
    for (let i = 0; i < each; i++) {
      const key = `${"deep/".repeat(30)}${shard}${i}`;
      const label = `${(shard + i) % 2 ? 10 : 9}`;
      entries.push([`${key}.png`, await png(shard * each + i)]);
      entries.push(
        shard === 1
          ? [`${key}.json`, JSON.stringify({ label: Number(label) })]
          : [`${key}.cls`, `${label}\n`],
      );
    }
    await writeTar(`${dir}/${name}.tar`, entries);
  }
}

Deno.test("shards that lie one folder down are named", async () => {
  await withFolder(async (dir) => {
    await Deno.mkdir(`${dir}/plain_text`);
    await writeShards(`${dir}/plain_text`, 1);
    const error = await assertRejects(
      () => openDataset({ name: "webdataset", dir, split: "train" }),
      Error,
    );
    assertStringIncludes(error.message, "shard in it, and some in its folder");
    assertStringIncludes(error.message, ` ${dir}/plain_text`);
    // Those of another part would not help.
    await Deno.remove(`${dir}/plain_text/val-0000.tar`);
    const test = await assertRejects(
      () => openDataset({ name: "webdataset", dir, split: "test" }),
      Error,
    );
    assertStringIncludes(test.message, "name shards val-0000.tar");
  });
});

Deno.test("shards give the images and labels that were put in", async () => {
  await withFolder(async (dir) => {
    await writeShards(dir, 3);
    const source = { name: "webdataset", dir, split: "train" } as const;
    const { dataset, source: sent } = await openForThreads(source);
    // What another thread opens from a copy of the source.
    const other = await openDataset(structuredClone(sent));
    for (const set of [dataset, other]) {
      assertEquals([set.length, set.classes], [6, ["9", "10"]]);
      assertEquals(
        [0, 1, 2, 3, 4, 5].map((i) => set.label(i)),
        [0, 1, 0, 1, 0, 1],
      );
      for (let i = 0; i < 6; i++) {
        assertEquals([...(await set.image(i)).data], [
          ...photo(32, 32, i).data,
        ]);
      }
      assertStringIncludes(set.describe(4), `${dir}/train-0001.tar`);
    }
    const test = await openDataset({ ...source, split: "test" });
    assertEquals([...(await test.image(2)).data], [...photo(32, 32, 8).data]);
  });
});

Deno.test("the split in a shard's name is found, and a linked folder is read", async () => {
  await withFolder(async (dir) => {
    const open = async (split: "train" | "test", sub = "") =>
      (await openDataset({ name: "webdataset", dir: dir + sub, split })).length;
    const sample = async (name: string): Promise<Entry[]> => [
      [`${name}.png`, await png(1)],
    ];
    await writeTar(`${dir}/set-1k-train-0000.tar`, await sample("a"));
    await writeTar(`${dir}/set-1k-validation-00.tar`, [
      ...await sample("b"),
      ...await sample("c"),
    ]);
    assertEquals([await open("train"), await open("test")], [1, 2]);
    await Deno.writeTextFile(`${dir}/._set-1k-train-0000.tar`, "x");
    assertEquals(await open("train"), 1);
    await Deno.mkdir(`${dir}/links`);
    await Deno.mkdir(`${dir}/elsewhere`);
    await writeTar(`${dir}/elsewhere/0.tar`, await sample("d"));
    await Deno.symlink(`${dir}/elsewhere`, `${dir}/links/train`);
    await writeTar(`${dir}/links/val0.tar`, await sample("e"));
    assertEquals(await open("train", "/links"), 1);
    assertEquals(await open("test", "/links"), 1);
  });
});

Deno.test("the files that macOS adds to a shard change no label", async () => {
  await withFolder(async (dir) => {
    const entries: Entry[] = [];
    for (const key of ["a", "b"]) {
      entries.push([`./._${key}.cls`, "x"], [`./${key}.cls`, key]);
      entries.push([`./._${key}.png`, "x"], [`./${key}.png`, await png(1)]);
    }
    await writeTar(`${dir}/train-0.tar`, entries);
    const set = await openDataset({ name: "webdataset", dir, split: "train" });
    assertEquals([set.length, set.classes], [2, ["a", "b"]]);
  });
});

Deno.test("a sample's name ends at its first dot, and its label may be in capitals", async () => {
  await withFolder(async (dir) => {
    const open = () => openDataset({ name: "webdataset", dir, split: "train" });
    const image = await png(1), label = JSON.stringify({ label: [1, 2] });
    await writeTar(`${dir}/train-0.tar`, [
      ...[["1.PNG", image], ["1.CLS", "a"]] as Entry[],
      ...[["2.crop.png", image], ["2.png", image], ["2.cls", "b"]] as Entry[],
    ]);
    const { length, classes } = await open();
    assertEquals([length, classes], [2, ["a", "b"]]);
    await writeTar(`${dir}/train-1.tar`, [["3.crop.png", image]]);
    const { message } = await assertRejects(open, Error);
    assertStringIncludes(
      message,
      "1 samples have no image but one such as 3.c",
    );
    // A list is no class, and an empty label is none.
    await Deno.remove(`${dir}/train-1.tar`);
    await writeTar(`${dir}/train-0.tar`, [
      ...[["1.png", image], ["1.json", label]] as Entry[],
      ...[["2.png", image], ["2.cls", " \n"]] as Entry[],
    ]);
    const without = await open();
    assertEquals([without.length, without.classes], [2, []]);
  });
});

Deno.test("shards in deeper folders are found, and compressed ones refused", async () => {
  await withFolder(async (dir) => {
    const open = (split: "train" | "test") =>
      openDataset({ name: "webdataset", dir, split });
    for (const folder of ["train/a", "train/b/c"]) {
      await Deno.mkdir(`${dir}/${folder}`, { recursive: true });
      await writeTar(`${dir}/${folder}/0.tar`, [["1.png", await png(1)]]);
    }
    await writeTar(`${dir}/dev-0.tar`, [["1.png", await png(1)]]);
    assertEquals([(await open("train")).length, (await open("test")).length], [
      ...[2, 1],
    ]);
    await Deno.writeTextFile(`${dir}/train/1.tar.gz`, "");
    const { message } = await assertRejects(() => open("train"), Error);
    assertStringIncludes(message, "it has compressed shards, such as");
  });
});

Deno.test("a shard that was cut between two members is refused", async () => {
  await withFolder(async (dir) => {
    const path = `${dir}/train-0.tar`;
    await writeTar(path, [["1.png", await png(1)], ["1.cls", "a"]]);
    const [image] = [...tarMembers(path)];
    const end = image!.offset + Math.ceil(image!.size / 512) * 512;
    for (const length of [end, end + 100]) {
      await Deno.truncate(path, length);
      assertThrows(
        () => [...tarMembers(path)],
        Error,
        "its end is missing: it is truncated",
      );
    }
  });
});

Deno.test("a shard that was cut short gives no image of zeros", async () => {
  await withFolder(async (dir) => {
    await writeShards(dir, 3);
    const source = { name: "webdataset", dir, split: "test" } as const;
    const dataset = await openDataset(source);
    await Deno.truncate(`${dir}/val-0000.tar`, 1200);
    await assertRejects(
      () => dataset.image(2),
      Error,
      "the file is shorter than it was",
    );
  });
});

Deno.test("what is no shard is refused", async () => {
  await withFolder(async (dir) => {
    const open = (sub = "") =>
      openDataset({ name: "webdataset", dir: dir + sub, split: "train" });
    const refused = async (found: string, sub?: string) => {
      const { message } = await assertRejects(() => open(sub), Error);
      assertStringIncludes(message, found);
    };
    await refused("no train shard in it");
    await refused("no such folder", "/nowhere");
    const shard = `${dir}/train-0.tar`;
    await Deno.writeFile(shard, new Uint8Array(2000).fill(65));
    await refused("it is not a tar archive, or it is compressed");
    for (const size of [0, 300]) {
      await Deno.writeFile(shard, new Uint8Array(size).fill(65));
      await refused("it is not a tar archive");
    }
    await writeTar(shard, [["a.txt", "x"]]);
    await refused("no image in its train shards");
    await writeTar(shard, [
      ["a.png", await png(1)],
      ["a.cls", "0"],
      ["b.png", await png(2)],
      ["b.json", '{"label": null}'],
      ["c.png", await png(2)],
      ["c.json", "null"],
    ]);
    await refused("2 of 3 samples have no .cls");
    await writeTar(shard, [
      ["a.png", await png(1)],
      ["a.cls", "0"],
      ["b.png", await png(2)],
    ]);
    await refused("1 of 2 samples have no .cls");
    const whole = await Deno.readFile(shard);
    await Deno.writeFile(shard, whole.subarray(0, 3000));
    await refused("it is truncated");
    // Shards without labels can be trained on.
    await writeTar(shard, [["a.png", await png(1)], ["b.png", await png(2)]]);
    const set = await open();
    assertEquals([set.length, set.classes], [2, []]);
    assertEquals([...tarMembers(shard)].map(({ name }) => name), [
      "a.png",
      "b.png",
    ]);
  });
});

Deno.test({
  name: `a run trains on shards, is evaluated and checks them${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      await writeShards(dir, 8);
      const run = `${dir}/run`;
      const trained = await runTask("train", [
        ...["--data", "webdataset", "--data-dir", dir, "--dir", run],
        ...["--precision", "fp32", "--epoch", "1", "--bs", "4"],
        ...["--num-patches", "2", "--patch-size", "8"],
        ...NARROW_FLAGS,
      ]);
      assertEquals(trained.code, 0, trained.err);
      assertStringIncludes(trained.out, "16 images");
      const tested = await runTask("evaluate", [
        ...["--model-path", run, "--test-patches", "1", "--json"],
        ...["--precision", "fp32"],
      ]);
      assertEquals(tested.code, 0, tested.err);
      assertEquals(JSON.parse(tested.out).images, { train: 16, test: 8 });
      const embedded = await runTask("embed", [
        ...["--model-path", run, "--data", "webdataset", "--data-dir", dir],
        ...["--split", "test", "--patches", "1", "--patch-size", "16", "--out"],
        `${dir}.npy`,
      ]);
      assertEquals(embedded.code, 0, embedded.err);
      const names = await Deno.readTextFile(`${dir}.npy.txt`);
      assertEquals(names.trim().split("\n").length, 8);
      assertStringIncludes(names, "val-0000.tar");
      for (const end of ["npy", "npy.txt"]) await Deno.remove(`${dir}.${end}`);
      await writeTar(
        `${dir}/train-0001.tar`,
        [
          ...await Promise.all(
            Array.from({ length: 8 }, async (_, i): Promise<Entry[]> => [
              [`x${i}.png`, await png(i)],
              [`x${i}.cls`, "9"],
            ]),
          ),
        ].flat(),
      );
      const { code, err } = await runTask("train", ["--resume", run]);
      assertEquals(code, 2);
      assertStringIncludes(err, "have changed since the run began");
    });
  },
});
