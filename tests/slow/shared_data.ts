/** The developers' data sets, where present: each is trained on and evaluated. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { unpack } from "../../src/data/unpack.ts";
import { exists } from "../../src/common/files.ts";
import { withFolder } from "../images.ts";
import { engineForTasks, runTask } from "../tasks.ts";

const SHARED = new URL("../../../shared/data", import.meta.url).pathname;
const { ignore, reason } = await engineForTasks();

/** Trains two steps and evaluates on few images. */
async function check(dir: string, data: string, dataDir: string) {
  const run = `${dir}/run`;
  const large = data === "imagenet100";
  const trained = await runTask("train", [
    ...["--data", data, "--data-dir", dataDir, "--dir", run, "--epoch", "1"],
    ...["--bs", "4", "--num-patches", "2", "--limit-images", "8"],
    ...["--classes", `${dir}/classes.txt`].slice(large ? 0 : 2),
  ]);
  assertEquals(trained.code, 0, trained.err);
  assertStringIncludes(trained.out, "2 steps");
  const tested = await runTask("evaluate", [
    ...["--model-path", run, "--test-patches", "2", "--json"],
    ...["--limit-train", "40", "--limit-test", "20"],
  ]);
  assertEquals(tested.code, 0, tested.err);
  return JSON.parse(tested.out);
}

/** A sample without `val`, to which its training images are added as `val`. */
async function withValidation(sample: string, dir: string): Promise<string> {
  const names = [...Deno.readDirSync(`${sample}/train`)].map((e) => e.name);
  await Deno.writeTextFile(`${dir}/classes.txt`, names.sort().join("\n"));
  await Deno.mkdir(`${dir}/data`);
  await Deno.symlink(`${sample}/train`, `${dir}/data/train`);
  await Deno.symlink(`${sample}/train`, `${dir}/data/val`);
  return `${dir}/data`;
}

const SETS: Record<string, (sample: string, dir: string) => Promise<unknown>> =
  {
    "cifar10-lossless": (sample, dir) => check(dir, "cifar10", sample),
    "tiny-imagenet-mini": (sample, dir) => check(dir, "tinyimagenet", sample),
    "imagenet100-sample": async (sample, dir) =>
      check(dir, "imagenet100", await withValidation(sample, dir)),
    "cifar10-jpeg.tar.gz": async (sample, dir) => {
      await unpack(sample, `${dir}/jpeg`);
      const [top] = [...Deno.readDirSync(`${dir}/jpeg`)];
      const inner = top.name === "train" || top.name === "test" ? "" : top.name;
      return await check(dir, "folder", `${dir}/jpeg/${inner}`);
    },
  };

for (const [name, run] of Object.entries(SETS)) {
  const sample = `${SHARED}/${name}`, missing = !await exists(sample);
  Deno.test({
    name: `${name} is trained on and evaluated` +
      (missing ? " (skipped: it is not here)" : reason),
    ignore: ignore || missing,
    fn: async () => {
      await withFolder(async (dir) => {
        const { knn, classes } = await run(sample, dir) as {
          knn: { top1: number };
          classes: number;
        };
        console.log(`${name}: ${classes} classes, kNN ${knn.top1}`);
        assertEquals(knn.top1 >= 0 && classes >= 2, true);
      });
    },
  });
}
