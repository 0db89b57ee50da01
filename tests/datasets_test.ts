/**
 * Each data set, downloaded or in a folder of its own layout, is trained on and
 * evaluated, as a user would do it.
 */
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { EmpSslError } from "../src/common/errors.ts";
import { readMatlabStructs } from "../src/data/matlab.ts";
import { openDataset } from "../src/data/open_dataset.ts";
import { IMAGENET100_CLASSES } from "../src/data/imagenet100_classes.ts";
import {
  cifarArchive,
  md5,
  serveFile,
  tinyImagenetArchive,
} from "./archive_files.ts";
import { withFolder, writeImages } from "./images.ts";
import { NARROW_FLAGS } from "./narrow.ts";
import { engineForTasks, runTask } from "./tasks.ts";

const { ignore, reason } = await engineForTasks();

/** Trains two steps and evaluates; returns the evaluation's result. */
async function trainAndEvaluate(dir: string, flags: string[]) {
  const run = `${dir}/run`;
  const trained = await runTask("train", [
    ...["--dir", run, "--bs", "4", "--num-patches", "2", "--epoch", "1"],
    ...NARROW_FLAGS,
    ...["--limit-images", "8", "--patch-size", "16", "--precision", "fp32"],
    ...flags,
  ]);
  assertEquals(trained.code, 0, trained.err);
  assertStringIncludes(trained.out, "2 steps");
  const tested = await runTask("evaluate", [
    ...["--model-path", run, "--test-patches", "2", "--json"],
    ...["--precision", "fp32", "--no-linear"],
  ]);
  assertEquals(tested.code, 0, tested.err);
  return JSON.parse(tested.out);
}

for (const name of ["cifar10", "cifar100", "tinyimagenet"] as const) {
  Deno.test({
    name: `${name} from its archive to an evaluation${reason}`,
    ignore,
    fn: async () => {
      await withFolder(async (dir) => {
        const tiny = name === "tinyimagenet";
        const bytes = tiny
          ? await tinyImagenetArchive()
          : await cifarArchive(name);
        const file = tiny ? "t.zip" : "c.tar.gz";
        await using server = serveFile(bytes, { name: file });
        const result = await trainAndEvaluate(dir, [
          ...["--data", name, "--data-dir", `${dir}/data`],
          ...["--data-url", `${server.url}#md5=${md5(bytes)}`],
        ]);
        const { images, classes } = result;
        const config = JSON.parse(
          await Deno.readTextFile(`${dir}/run/config.json`),
        );
        assertEquals(
          config.arch,
          tiny ? "resnet18-tinyimagenet" : "resnet18-cifar",
        );
        assertEquals(
          [images.train, images.test, classes],
          tiny ? [18, 3, 3] : [24, 10, name === "cifar10" ? 10 : 100],
        );
      });
    },
  });
}

Deno.test({
  name:
    `imagenet100 from a full ImageNet, its flat val by the ground truth${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const [a, b] = ["n01558993", "n01692333"];
      await writeImages(`${dir}/made`, { classes: 3, each: 4 });
      await writeImages(`${dir}/made`, { classes: 1, each: 3, split: "val" });
      await Deno.mkdir(`${dir}/data/train`, { recursive: true });
      for (const [i, wnid] of [a, b, "n00000001"].entries()) {
        await Deno.rename(
          `${dir}/made/train/c${i}`,
          `${dir}/data/train/${wnid}`,
        );
      }
      await Deno.mkdir(`${dir}/data/val`);
      for (let i = 0; i < 3; i++) {
        await Deno.rename(
          `${dir}/made/val/c0/${i}.png`,
          `${dir}/data/val/ILSVRC2012_val_0000000${i + 1}.png`,
        );
      }
      const text = (name: string, content: string) =>
        Deno.writeTextFile(`${dir}/data/${name}`, content);
      await text("ILSVRC2012_validation_ground_truth.txt", "2\n7\n1\n");
      await text("map_clsloc.txt", `${a} 1 x\n${b} 2 y\nn00000001 7 z\n`);
      await text("classes.txt", `${b}\n${a} a comment\n`);
      const classes = `${dir}/data/classes.txt`;
      const test = await openDataset({
        name: "imagenet100",
        dir: `${dir}/data`,
        split: "test",
        classes,
      });
      assertEquals(test.classes, [a, b]);
      assertEquals([test.label(0), test.label(1), test.length], [1, 0, 2]);
      const result = await trainAndEvaluate(dir, [
        ...["--data", "imagenet100", "--data-dir", `${dir}/data`],
        ...["--classes", classes],
      ]);
      assertEquals([result.images.train, result.classes], [8, 2]);
    });
  },
});

Deno.test("imagenet100 reads the development kit as it is", async () => {
  const meta = await Deno.readFile(
    new URL("../fixtures/meta.mat", import.meta.url),
  );
  const structs = readMatlabStructs(meta, "meta.mat");
  assertEquals(structs.map((s) => [s.ILSVRC2012_ID, s.WNID]), [
    [1, "n02119789"],
    [2, "n02100735"],
    [1001, "n00001740"],
  ]);
  assertThrows(
    () => readMatlabStructs(meta.subarray(0, 300), "meta.mat"),
    EmpSslError,
    "Cannot read meta.mat: ",
  );
  await withFolder(async (dir) => {
    await writeImages(`${dir}/made`, { classes: 1, each: 3, split: "val" });
    await Deno.mkdir(`${dir}/val`);
    const kit = `${dir}/ILSVRC2012_devkit_t12/data`;
    await Deno.mkdir(kit, { recursive: true });
    for (let i = 0; i < 3; i++) {
      await Deno.rename(
        `${dir}/made/val/c0/${i}.png`,
        `${dir}/val/ILSVRC2012_val_0000000${i + 1}.png`,
      );
    }
    const truth = `${kit}/ILSVRC2012_validation_ground_truth.txt`;
    await Deno.writeTextFile(truth, "2\n1\n2\n");
    await Deno.writeFile(`${kit}/meta.mat`, meta);
    const classes = `${dir}/classes.txt`;
    await Deno.writeTextFile(classes, "n02119789\nn02100735\n");
    const set = await openDataset({
      name: "imagenet100",
      dir,
      split: "test",
      classes,
    });
    const labels = [0, 1, 2].map((i) => set.classes[set.label(i)]);
    assertEquals(labels, ["n02100735", "n02119789", "n02100735"]);
  });
});

Deno.test("imagenet100 knows its hundred classes and names what is missing", async () => {
  assertEquals(new Set(IMAGENET100_CLASSES).size, 100);
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 1 });
    const open = () =>
      openDataset({ name: "imagenet100", dir, split: "train" });
    const message = async () =>
      await open().then(() => "", (error: Error) => error.message);
    assertStringIncludes(await message(), "none of the 100 classes is in it");
    await Deno.mkdir(`${dir}/train/${IMAGENET100_CLASSES[0]}`);
    assertStringIncludes(await message(), "99 of the 100 classes are missing");
  });
});

Deno.test({
  name: `a folder without labels trains; its evaluation says why not${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      await writeImages(dir, { classes: 2, each: 4, split: "deep/er" });
      await Deno.writeTextFile(`${dir}/deep/notes.txt`, "no image");
      await Deno.writeTextFile(`${dir}/deep/.hidden.png`, "no image");
      await Deno.symlink(`${dir}/deep`, `${dir}/deep/er/loop`);
      const set = await openDataset({ name: "folder", dir, split: "train" });
      assertEquals([set.length, set.classes.length], [8, 0]);
      const run = `${dir}/run`;
      const trained = await runTask("train", [
        ...["--data", "folder", "--data-dir", `${dir}/deep`, "--dir", run],
        ...["--bs", "4", "--num-patches", "2", "--epoch", "1"],
        ...NARROW_FLAGS,
        ...["--patch-size", "16", "--precision", "fp32"],
      ]);
      assertEquals(trained.code, 0, trained.err);
      const tested = await runTask("evaluate", ["--model-path", run]);
      assertEquals(tested.code, 2);
      assertStringIncludes(
        tested.err,
        "evaluation needs test images with labels",
      );
      assert(!tested.err.includes("    at "));
    });
  },
});

Deno.test({
  name: `a damaged test image is named and does not count${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const data = `${dir}/data`;
      await writeImages(data, { classes: 2, each: 4 });
      await writeImages(data, { classes: 2, each: 2, split: "test" });
      const broken = `${data}/test/c1/1.png`;
      await Deno.writeTextFile(broken, "this is no image");
      const run = `${dir}/run`;
      const trained = await runTask("train", [
        ...["--data", "folder", "--data-dir", data, "--dir", run],
        ...["--bs", "4", "--num-patches", "2", "--epoch", "1"],
        ...NARROW_FLAGS,
        ...["--patch-size", "16", "--precision", "fp32"],
      ]);
      assertEquals(trained.code, 0, trained.err);
      const tested = await runTask("evaluate", [
        ...["--model-path", run, "--test-patches", "2", "--json"],
        ...["--features-out", `${dir}/features`, "--precision", "fp32"],
      ]);
      assertEquals(tested.code, 0, tested.err);
      assertStringIncludes(tested.err, `Left out ${broken}`);
      const { knn } = JSON.parse(tested.out);
      // The accuracy is over three images, not four.
      assertEquals(Math.round(knn.top1 * 3), knn.top1 * 3);
      const labels = await Deno.readFile(`${dir}/features/test_labels.npy`);
      const values = new Int32Array(labels.slice(-16).buffer);
      assertEquals([...values], [0, 0, 1, -1]);
      const lines = (name: string) =>
        Deno.readTextFileSync(`${dir}/features/${name}.txt`).trim().split("\n");
      assertEquals(lines("classes"), ["c0", "c1"]);
      assertEquals(lines("train_images").length, 8);
      assertEquals(lines("test_images").at(-1), broken);
    });
  },
});
