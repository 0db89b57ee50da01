/** Parquet files that pyarrow has written. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { openDataset, openForThreads } from "../src/data/open_dataset.ts";
import type { Blocks } from "../src/data/dataset.ts";
import { limitTo } from "../src/data/subset.ts";
import { shuffleInBlocks } from "../src/stream/block_shuffle.ts";
import { labelsAs } from "../src/data/parquet_labels.ts";
import { photo } from "./formula.ts";
import { withFolder } from "./images.ts";
import { NARROW_FLAGS } from "./narrow.ts";
import { removeCheckpoint } from "./runs.ts";
import { engineForTasks, runTask } from "./tasks.ts";

const { ignore, reason } = await engineForTasks();

const { files }: { files: Record<string, string> } = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/parquet.json", import.meta.url)),
);

/** Writes some of the files into a folder. */
async function write(dir: string, ...names: string[]): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  for (const name of names) {
    const bytes = Uint8Array.fromBase64(files[name]!);
    await Deno.writeFile(`${dir}/${name}`, bytes);
  }
}

const HUB = Object.keys(files).filter((name) => /^(test|train)-/.test(name));

Deno.test("Parquet files give the images and labels that were put in", async () => {
  await withFolder(async (dir) => {
    // As on the Hugging Face Hub, in data/.
    await write(`${dir}/data`, ...HUB);
    const source = { name: "parquet", dir, split: "train" } as const;
    const { dataset, source: sent } = await openForThreads(source);
    const other = await openDataset(structuredClone(sent));
    for (const set of [dataset, other]) {
      assertEquals([set.length, set.classes], [12, ["cat", "dog", "owl"]]);
      for (const i of [11, 0, 6, 7, 3, 5]) {
        assertEquals(set.label(i), i % 3);
        const { width, height, data } = await set.image(i);
        const wanted = photo(12, 8, i);
        assertEquals([width, height], [12, 8]);
        assertEquals([...data], [...wanted.data]);
      }
      assertEquals([...set.blocks!.sizes], [3, 3, 1, 3, 2]);
      assertEquals(
        set.describe(8),
        `row 1 of ${dir}/data/train-00001-of-00002.parquet`,
      );
    }
    const test = await openDataset({ ...source, split: "test" });
    assertEquals([...(await test.image(5)).data], [...photo(12, 8, 17).data]);
  });
});

Deno.test("columns are found by their types, or named", async () => {
  await withFolder(async (dir) => {
    await write(dir, "plain.parquet");
    const open = (options: Record<string, unknown>) =>
      openDataset({ name: "parquet", dir, split: "train", options });
    const without = await open({});
    assertEquals([without.length, without.classes], [4, []]);
    assertEquals([...(await without.image(3)).data], [
      ...photo(12, 8, 3).data,
    ]);
    const { classes, label } = await open({ label: "kind" }).then((set) => ({
      classes: set.classes,
      label: [0, 1, 2, 3].map((i) => set.label(i)),
    }));
    assertEquals([classes, label], [["a", "b"], [1, 0, 1, 0]]);
    const refused = async (options: Record<string, unknown>, found: string) => {
      const { message } = await assertRejects(() => open(options), Error);
      assertStringIncludes(message, found);
    };
    await refused(
      { image: "img" },
      'Cannot use the column "img" for the images: the columns are jpg, kind, text',
    );
    await refused({ image: "text" }, "no column of images among jpg, kind");
    await write(dir, HUB[0]!);
    await Deno.rename(`${dir}/${HUB[0]}`, `${dir}/more.parquet`);
    await refused({}, 'its column is "jpg", but "image" in the first file');
    await Deno.remove(`${dir}/more.parquet`);
    await write(dir, "without images.parquet");
    await refused({}, "no column of images among x");
    await Deno.writeTextFile(`${dir}/without images.parquet`, "not at all");
    await refused({}, "without images.parquet: ");
  });
});

Deno.test("files whose lists of classes are in other orders have the same labels", async () => {
  await withFolder(async (dir) => {
    await write(dir, HUB[0]!, "other order.parquet");
    await Deno.rename(`${dir}/other order.parquet`, `${dir}/train-9.parquet`);
    const open = () => openDataset({ name: "parquet", dir, split: "train" });
    const set = await open();
    assertEquals([set.length, set.classes], [10, ["cat", "dog", "owl"]]);
    // Its images are 12, 13 and 14: their classes are those of the first file.
    assertEquals([7, 8, 9].map((i) => set.label(i)), [0, 1, 2]);
    // No label is not the first class.
    assertEquals(labelsAs(["a", "b"], ["b", "a"], "x")(null), null);
    await write(dir, "another class.parquet");
    await Deno.rename(`${dir}/another class.parquet`, `${dir}/train-9.parquet`);
    const { message } = await assertRejects(open, Error);
    assertStringIncludes(message, "its list of classes has others");
  });
});

Deno.test("labels that are no classes leave the images without, or are refused", async () => {
  const open = async (names: string[], options = {}) => {
    let set: Awaited<ReturnType<typeof openDataset>>;
    await withFolder(async (dir) => {
      await write(dir, ...names);
      set = await openDataset({
        name: "parquet",
        dir,
        split: "train",
        options,
      });
    });
    return set!;
  };
  for (const name of ["no labels.parquet", "lists.parquet"]) {
    const { length, classes } = await open([name]);
    assertEquals([length, classes], [2, []], name);
  }
  const refused = async (names: string[], found: string, options = {}) => {
    const { message } = await assertRejects(() => open(names, options), Error);
    assertStringIncludes(message, found);
  };
  const lists = { label: "label" };
  await refused(["lists.parquet"], "neither a number nor a text", lists);
  await refused(["numbers.parquet", "texts.parquet"], "numbers and texts");
});

Deno.test("blocks are shuffled, and images among some of them", () => {
  const sizes = Uint32Array.from({ length: 50 }, (_, i) => 20 + i % 3);
  const count = sizes.reduce((sum, size) => sum + size, 0);
  const blocks: Blocks = { sizes, buffer: 100 };
  const block = (image: number) => {
    let at = 0;
    for (let end = sizes[0]!; image >= end; end += sizes[++at]!);
    return at;
  };
  const orderOf = (seed: number, epoch: number) =>
    Array.from(
      { length: count },
      (_, i) => shuffleInBlocks(i, { blocks, count, seed, epoch }),
    );
  const first = orderOf(1, 0);
  assertEquals(new Set(first).size, count);
  assertEquals(orderOf(1, 0), first);
  assert(orderOf(1, 1).join() !== first.join());
  assert(orderOf(2, 0).join() !== first.join());
  // Each hundred images come from one or two stretches of five whole blocks, and are
  // not in order.
  for (let at = 0; at + 100 <= count; at += 100) {
    const stretch = first.slice(at, at + 100);
    assert(new Set(stretch.map(block)).size <= 10);
    const inOrder = stretch.filter((image, i) => image < stretch[i + 1]!);
    assert(inOrder.length > 25 && inOrder.length < 75, `${inOrder.length}`);
  }
  // The first blocks come from different parts of the data set.
  assert(new Set(first.slice(0, 100).map((i) => block(i) >> 4)).size >= 2);
});

Deno.test("a limited set keeps its blocks", async () => {
  await withFolder(async (dir) => {
    await write(dir, ...HUB);
    const source = { name: "parquet", dir, split: "train" } as const;
    const five = limitTo(await openDataset(source), 5);
    const { sizes } = five.blocks!;
    assertEquals(sizes.reduce((sum, size) => sum + size, 0), 5);
    const seeds = Array.from({ length: 5 }, (_, i) => five.describe(i));
    const byFile = seeds.map((name) => name.split(" ").reverse().join(" "));
    assertEquals(byFile, [...byFile].sort());
    for (let i = 0; i < 5; i++) {
      const { data } = await five.image(i);
      const same = Array.from({ length: 12 }, (_, seed) => seed)
        .filter((seed) => photo(12, 8, seed).data.join() === data.join());
      assertEquals(same[0]! % 3, five.label(i));
    }
  });
});

Deno.test({
  name: `a run trains on Parquet, goes on and is evaluated${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      await write(dir, ...HUB);
      const run = `${dir}/run`;
      const trained = await runTask("train", [
        ...["--data", "parquet", "--data-dir", dir, "--dir", run],
        ...["--precision", "fp32", "--epoch", "2", "--bs", "4"],
        ...["--num-patches", "2", "--patch-size", "8", "--probe", "epoch"],
        ...NARROW_FLAGS,
      ]);
      assertEquals(trained.code, 0, trained.err);
      const config = JSON.parse(Deno.readTextFileSync(`${run}/config.json`));
      assertEquals([config.images, config.dataDigest.length], [12, 64]);
      await removeCheckpoint(run, 6);
      const resumed = await runTask("train", ["--resume", run]);
      assertEquals(resumed.code, 0, resumed.err);
      assertStringIncludes(resumed.out, "Resuming after step 3");
      const tested = await runTask("evaluate", [
        ...["--model-path", run, "--test-patches", "1", "--json"],
      ]);
      assertEquals(tested.code, 0, tested.err);
      assertEquals(JSON.parse(tested.out).images, { train: 12, test: 6 });
      const wrong = await runTask("train", [
        ...["--data", "parquet", "--data-dir", dir],
        ...["--data-options", '{"lable": "x"}'],
      ]);
      assertStringIncludes(
        wrong.err,
        "parquet has no option lable, give image",
      );
    });
  },
});
