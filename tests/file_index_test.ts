/** The index of a run's images. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openDataset } from "../src/data/open_dataset.ts";
import {
  checkFileIndex,
  openByIndex,
  writeFileIndex,
} from "../src/data/file_index.ts";
import { ImageFiles } from "../src/data/image_files.ts";
import { EmpSslError } from "../src/common/errors.ts";
import { trainSource } from "../src/checkpoint/run_config.ts";
import { prepareRun } from "../src/train/config.ts";
import { indexedSource } from "../src/train/image_index.ts";
import { withFolder, writeImages } from "./images.ts";

const SOURCE = { name: "folder", split: "train" } as const;

Deno.test("an index holds names, sizes and classes", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 3, each: 2 });
    await Deno.rename(`${dir}/train/c0/0.png`, `${dir}/train/c0/a\tb\n.png`);
    const data = await openDataset({ ...SOURCE, dir }) as ImageFiles;
    const index = `${dir}/images.txt`;
    await writeFileIndex(index, data, dir);
    await checkFileIndex(index, dir);
    const again = openByIndex(index, dir);
    assertEquals(again.classes, data.classes);
    const all = (set: ImageFiles) =>
      Array.from(
        { length: set.length },
        (_, i) => [set.label(i), set.describe(i)],
      );
    assertEquals(all(again), all(data));
  });
});

Deno.test("an index knows files that are not what they were", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 2, each: 2 });
    const run = `${dir}/run`;
    await Deno.mkdir(run);
    const source = { ...SOURCE, dir: `${dir}/` };
    const { shared } = await indexedSource(source, { dir: run, goesOn: false });
    const same = await indexedSource(source, { dir: run, goesOn: true });
    assertEquals(same.shared, shared);

    // The folder may be moved, and files may be added.
    const moved = `${dir}/moved`;
    await Deno.mkdir(moved);
    await Deno.rename(`${dir}/train`, `${moved}/train`);
    await Deno.writeTextFile(`${moved}/train/c0/new.png`, "");
    const there = { ...SOURCE, dir: moved };
    const found = await indexedSource(there, { dir: run, goesOn: true });
    assertEquals((await openDataset(found)).length, 4);

    await Deno.writeTextFile(`${moved}/train/c1/0.png`, "x");
    await assertRejects(
      () => indexedSource(there, { dir: run, goesOn: true }),
      EmpSslError,
      "1 of 4 images have changed since the run began; the first is " +
        `${moved}/train/c1/0.png (1 bytes instead of`,
    );
    await Deno.remove(`${moved}/train/c0/0.png`);
    await assertRejects(
      () => indexedSource(there, { dir: run, goesOn: true }),
      EmpSslError,
      `2 of 4 images have changed`,
    );
  });
});

Deno.test("a damaged index is refused", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 3 });
    const data = await openDataset({ ...SOURCE, dir }) as ImageFiles;
    const index = `${dir}/images.txt`;
    await writeFileIndex(index, data, dir);
    const bytes = await Deno.readFile(index);
    for (const cut of [0, 20, bytes.length - 4]) {
      await Deno.writeFile(index, bytes.subarray(0, cut));
      assertThrows(() => openByIndex(index, dir), EmpSslError, index);
    }
  });
});

Deno.test("data sets of records need no index", async () => {
  await withFolder(async (dir) => {
    const source = { name: "shapes", split: "train" } as const;
    assertEquals(await indexedSource(source, { dir, goesOn: false }), source);
    assertEquals([...Deno.readDirSync(dir)], []);
  });
});

Deno.test("a run's index has the images that were found when it was prepared", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 2, each: 3 });
    const { config, source } = await prepareRun({
      ...{ data: "images", dataDir: dir, bs: 2 },
    });
    await Deno.copyFile(`${dir}/train/c0/0.png`, `${dir}/train/c0/late.png`);
    const run = await Deno.makeTempDir({ dir });
    const indexed = await indexedSource(trainSource(config), {
      dir: run,
      goesOn: false,
      opened: source,
    });
    assertEquals((await openDataset(indexed)).length, 6);
    const lines = (await Deno.readTextFile(`${run}/images.txt`)).trim();
    assertEquals(lines.split("\n").length, 1 + 6);
  });
});
