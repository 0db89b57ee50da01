/** Training on a user's own data module. */
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { openDataset, openForThreads } from "../src/data/open_dataset.ts";
import type { ResolvedConfig } from "../src/checkpoint/run_config.ts";
import { asChoices } from "../src/checkpoint/stored_choices.ts";
import { EmpSslError } from "../src/common/errors.ts";
import { isModule, moduleName } from "../src/data/own_data.ts";
import { prepareDataset } from "../src/data/prepare.ts";
import { recipeOf } from "../src/patches/recipe.ts";
import { PatchStream } from "../src/stream/patch_stream.ts";
import { prepareRun } from "../src/train/config.ts";
import { train as trainHere } from "../src/train/train.ts";
import { withFolder, writeImages } from "./images.ts";
import { NARROW_FLAGS } from "./narrow.ts";
import { removeCheckpoint } from "./runs.ts";
import { engineForTasks, runTask } from "./tasks.ts";

const { ignore, reason } = await engineForTasks();

/** Writes a module into a folder and returns its URL. */
async function moduleOf(dir: string, name: string, text: string) {
  const path = `${dir}/${name}.ts`;
  await Deno.writeTextFile(path, text);
  return pathToFileURL(path).href;
}

Deno.test("the guide's module of computed images opens", async () => {
  const url = new URL("../examples/generated_data.ts", import.meta.url).href;
  const { config } = await prepareRun({
    data: { module: url, options: { images: 500 } },
  });
  assertEquals(config.images, 500);
  const set = await openDataset({ name: url, split: "train" });
  const { width, height, data } = await set.image(3);
  assertEquals(data.length, width * height * 3);
});

Deno.test("a task ends although a module keeps a connection open", async () => {
  await withFolder(async (dir) => {
    const url = await moduleOf(
      dir,
      "open",
      `setInterval(() => {}, 1000); // as a database's client does
      const data = new Uint8Array(32 * 32 * 3);
      export default () => ({
        length: 200, image: () => ({ width: 32, height: 32, data }),
      });`,
    );
    const args = ["--data", new URL(url).pathname, "--print-config"];
    const { code, err } = await runTask("train", args);
    assertEquals(code, 0, err);
  });
});

Deno.test("what is a module, and what it is called", () => {
  for (const name of ["cifar10", "folder", "cifar100-coarse"]) {
    assertEquals(isModule(name), false);
  }
  for (const name of ["mine.ts", "./mine.js", "/a/mine.mts", "https://a.b/c"]) {
    assertEquals(isModule(name), true);
  }
  assertEquals(moduleName("https://a.b/c/mine.ts?x=1"), "mine");
  assertEquals(moduleName("./mine.ts"), "mine");
});

Deno.test("a module that is no data set is refused by what is wrong", async () => {
  await withFolder(async (dir) => {
    const cases: [string, string][] = [
      ["export const open = 1;", "its default export is not a function"],
      ["export default () => 1;", "open() did not return an object"],
      ["export default () => ({ length: -1 });", "its length is -1"],
      ["export default () => ({ length: 1 });", "it has no image(index)"],
      [
        'export default () => ({ length: 1, image() {}, classes: ["a"] });',
        "it has classes but no label(index)",
      ],
      [
        'export default () => { throw new Error("no table"); };',
        "opening test failed: no table",
      ],
    ];
    for (const [i, [text, found]] of cases.entries()) {
      const url = await moduleOf(dir, `m${i}`, text);
      const open = () => openDataset({ name: url, split: "test" });
      const error = await assertRejects(open, Error);
      assertStringIncludes(error.message, `of ${url}: ${found}, `);
    }
    const gone = () => openDataset({ name: `${dir}/gone.ts`, split: "test" });
    const { message } = await assertRejects(gone, Error);
    assertStringIncludes(message, "Cannot import the data module");
  });
});

Deno.test("images of a module are bytes of files or pixels, and checked", async () => {
  await withFolder(async (dir) => {
    const url = await moduleOf(
      dir,
      "pixels",
      `export default ({ options }) => ({
        length: 3, classes: ["a", "b"], label: (i) => i,
        image: (i) => i === 0
          ? new TextEncoder().encode("P6 2 1 255 abcdef")
          : { width: 2, height: options.height, data: new Uint8Array(6) },
      });`,
    );
    const source = { name: url, split: "train" } as const;
    const open = (height: number) =>
      openDataset({ ...source, options: { height } });
    const good = await open(1), bad = await open(2);
    assertEquals([...(await good.image(0)).data], [97, 98, 99, 100, 101, 102]);
    assertEquals((await good.image(1)).width, 2);
    const { message } = await assertRejects(async () => await bad.image(1));
    assertStringIncludes(message, "image 1 of pixels is 2 × 2 with 6 numbers");
    assertEquals(good.label(1), 1);
    let refused = "";
    try {
      good.label(2);
    } catch (error) {
      refused = (error as Error).message;
    }
    assertStringIncludes(refused, "the label of image 2 of pixels is 2");
  });
});

Deno.test("an image of a module without channels has those of the data set", async () => {
  await withFolder(async (dir) => {
    const url = await moduleOf(
      dir,
      "grey",
      `export default () => ({
        length: 2, pixels: { channels: 1, bits: 8 },
        image: () => ({ width: 20, height: 20, data: new Uint8Array(400) }),
      });`,
    );
    const dataset = await openDataset({ name: url, split: "train" });
    const { channels, data } = await dataset.image(1);
    assertEquals([channels, data.length], [1, 400]);
  });
});

Deno.test("threads that see other images of a module end it", async () => {
  await withFolder(async (dir) => {
    const url = await moduleOf(
      dir,
      "shuffled",
      `let opened = 0;
      export default ({ options }) => {
        const first = options.sorted ? 0 : opened++;
        return {
          length: 3, classes: ["a", "b", "c"], image: () => new Uint8Array(),
          label: (i) => (i + first) % 3,
        };
      };`,
    );
    const opened = (sorted: boolean, limit?: number) =>
      openForThreads({ name: url, split: "train", options: { sorted }, limit });
    const { source } = await opened(true, 2);
    assertEquals((await openDataset(source)).length, 2);
    const random = await opened(false);
    await assertRejects(
      () => openDataset(random.source),
      EmpSslError,
      "has other images, or in another order",
    );
  });
});

Deno.test("a module elsewhere that a file alone names is not imported", async () => {
  await withFolder(async (dir) => {
    const code = "globalThis.wasImported = true; export default () => ({});";
    for (const data of [`data:text/javascript,${code}`, "npm:left-pad"]) {
      const config = `${dir}/config.json`;
      await Deno.writeTextFile(config, JSON.stringify({ data }));
      const { code, err } = await runTask("train", [
        ...["--config", config, "--print-config"],
      ]);
      assertEquals(code, 2);
      assertStringIncludes(err, "code that is not on this machine");
      assertThrows(
        () => asChoices({ data } as ResolvedConfig, {}),
        EmpSslError,
        "name it yourself with",
      );
    }
    const own = `${dir}/mine.ts`;
    assertEquals(asChoices({ data: own } as ResolvedConfig, {}).data, own);
  });
});

Deno.test("an error of a module's functions names the module", async () => {
  await withFolder(async (dir) => {
    const broken = (name: string) =>
      moduleOf(
        dir,
        name,
        `const fail = () => { throw new TypeError("no table"); };
        export default () => ({
          length: 3, classes: ["a"], image: () => new Uint8Array(), label: () => 0,
          ${name}: fail,
        });`,
      );
    for (const name of ["image", "label", "describe"] as const) {
      const url = await broken(name);
      const data = await openDataset({ name: url, split: "train" });
      await assertRejects(
        async () => await data[name](1),
        EmpSslError,
        `Cannot use the data of ${url}: ${name}(1) failed: no table, fix the module`,
      );
    }
  });
});

Deno.test("a module says which channels and bits its images have", async () => {
  await withFolder(async (dir) => {
    const url = await moduleOf(
      dir,
      "bands",
      `export default ({ options }) => ({
        length: 4, pixels: options.pixels,
        image: () => ({
          width: 20, height: 20, channels: 4,
          data: new Uint16Array(1600).fill(0x1234),
        }),
      });`,
    );
    const four = { channels: 4, bits: 16 } as const;
    const choices = (pixels: object, more = {}) => ({
      data: { module: url, options: { pixels } },
      ...{ bs: 2, numPatches: 2, patchSize: 8, ...more },
    });
    const { config, source } = await prepareRun(choices(four));
    assertEquals(config.model, { channels: 4 });
    assertEquals(config.bits, 16);
    assertEquals(recipeOf(config.recipe).grayscale, 0);
    await using stream = await PatchStream.open({
      ...{ source, recipe: { ...recipeOf(config.recipe), flip: 1 } },
      ...{ patchSize: 8, images: 2, patches: 2, shuffle: true, seed: 0 },
      ...{ firstBatch: 0, endBatch: 1 },
    }, { workers: 1 });
    for await (const batch of stream) {
      // Two patches of two images, each number of two bytes.
      assertEquals(batch.length, 2 * 2 * 8 * 8 * 4 * 2);
    }
    // The source of prepareDataset() has the format, which other threads go by.
    const prepared = await prepareDataset({
      ...{ name: url, options: { pixels: four }, download: false },
    });
    assertEquals(prepared.source.pixels, four);
    const refused = async (pixels: object, more: object, message: string) => {
      const error = await assertRejects(
        () => prepareRun(choices(pixels, more)),
        Error,
      );
      assertStringIncludes(error.message, message);
    };
    // A run on RGB bytes converts the grey images of another module to RGB.
    const grey = await moduleOf(
      dir,
      "grey",
      `export default () => ({
        length: 4, pixels: { channels: 1, bits: 8 },
        image: () => ({
          width: 20, height: 20, channels: 1,
          data: new Uint8Array(400).fill(200),
        }),
      });`,
    );
    const plain = { ...recipeOf("cifar"), jitter: { ...NONE }, solarize: 0 };
    await using other = await PatchStream.open({
      ...{ source: { name: grey, split: "train" as const }, recipe: plain },
      ...{ patchSize: 8, images: 2, patches: 2, shuffle: true, seed: 0 },
      ...{ firstBatch: 0, endBatch: 1 },
    }, { workers: 1 });
    for await (const batch of other) {
      assertEquals(batch.length, 2 * 2 * 8 * 8 * 3);
      assertEquals(new Set(batch), new Set([200]));
    }
    // If only the channels are chosen, the bits are those of the module.
    const one = { data: { module: url, options: { pixels: four } } };
    const half = await prepareRun({
      ...choices(four),
      ...one,
      model: { channels: 4 },
    });
    assertEquals(half.config.bits, 16);
    await refused({ channels: 40, bits: 8 }, {}, "its pixels have 40 channels");
    await refused(
      { channels: 4, bits: 8 },
      {},
      'of bands has 4 channels of 16 bits, return 4 channels of 8 bits, or set the data set\'s "pixels"',
    );
    await refused(
      four,
      { recipe: { grayscale: 0.2 } },
      "grayscale: images of 4 channels",
    );
    await refused(four, { cache: dir }, "it holds 8-bit RGB");
  });
});

const NONE = {
  ...{ probability: 0, brightness: 0, contrast: 0, saturation: 0, hue: 0 },
};

/** Writes images into a folder, and from there into an SQLite table. */
async function writeTable(dir: string, file: string): Promise<void> {
  using database = new DatabaseSync(file);
  database.exec("create table images (split text, label text, file blob)");
  const insert = database.prepare("insert into images values (?, ?, ?)");
  for (const split of ["train", "test"]) {
    await writeImages(dir, { classes: 2, each: 8, split, side: 32 });
    for (const label of ["c0", "c1"]) {
      for (let i = 0; i < 8; i++) {
        const png = `${dir}/${split}/${label}/${i}.png`;
        insert.run(split, label, await Deno.readFile(png));
      }
    }
  }
}

Deno.test({
  name: `a table of SQLite trains, goes on and is evaluated${reason}`,
  ignore,
  async fn(t) {
    await withFolder(async (dir) => {
      await writeTable(dir, `${dir}/images.db`);
      const run = `${dir}/run`;
      const module =
        new URL("../examples/sqlite_data.ts", import.meta.url).pathname;
      const options = JSON.stringify({ file: `${dir}/images.db` });
      const small = ["--bs", "4", "--num-patches", "2", "--patch-size", "8"];
      const train = (...more: string[]) =>
        runTask("train", [
          ...["--data", module, "--data-options", options, "--dir", run],
          ...["--precision", "fp32", "--epoch", "1", "--save-every", "2"],
          ...[...small, ...NARROW_FLAGS, ...more],
        ]);
      await t.step("train", async () => {
        const { code, out, err } = await train();
        assertEquals(code, 0, err);
        assertStringIncludes(out, "16 images");
        const config = JSON.parse(Deno.readTextFileSync(`${run}/config.json`));
        assertEquals(config.dataOptions, { file: `${dir}/images.db` });
        assertEquals(config.dataDigest.length, 64);
      });
      await t.step("evaluate, by what the run knows", async () => {
        const { code, out, err } = await runTask("evaluate", [
          ...["--model-path", run, "--test-patches", "1", "--json"],
          ...["--precision", "fp32"],
        ]);
        assertEquals(code, 0, err);
        assertEquals(JSON.parse(out).images, { train: 16, test: 16 });
      });
      await t.step("resume takes the same table elsewhere", async () => {
        await Deno.copyFile(`${dir}/images.db`, `${dir}/moved.db`);
        const moved = JSON.stringify({ file: `${dir}/moved.db` });
        await removeCheckpoint(run, 4);
        const { code, out, err } = await runTask("train", [
          ...["--resume", run, "--data-options", moved],
        ]);
        assertEquals(code, 0, err);
        assertStringIncludes(out, "Resuming after step 2");
      });
      await t.step(
        "resume refuses another choice, in the library too",
        async () => {
          const again = trainHere({ lr: 0.1 }, { resume: run });
          const { message } = await assertRejects(() => again.next(), Error);
          assertStringIncludes(message, "lr 0.1: it was started with 0.3");
        },
      );
      await t.step("resume refuses other labels", async () => {
        {
          // The run has stored where the table lies now.
          using database = new DatabaseSync(`${dir}/moved.db`);
          database.exec(
            "update images set label = case label when 'c0' then 'c1' " +
              "else 'c0' end where rowid in (1, 9)",
          );
        }
        const { code, err } = await runTask("train", ["--resume", run]);
        assertEquals(code, 2);
        assertStringIncludes(err, "have changed since the run began");
      });
      await t.step("options for data that takes none", async () => {
        const { code, err } = await runTask("train", [
          ...["--data", "shapes", "--data-options", "{}"],
        ]);
        assertEquals(code, 2);
        assertStringIncludes(err, "shapes has no options");
        const bad = await runTask("train", ["--data-options", "[1]"]);
        assertStringIncludes(bad.err, "it is not a JSON object");
      });
    });
  },
});
