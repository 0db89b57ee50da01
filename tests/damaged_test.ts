/** Faults in a user's images, as the tasks report them. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { loadSharp } from "../src/deps/sharp.ts";
import { photo } from "./formula.ts";
import { withFolder, writeImages } from "./images.ts";
import { NARROW_FLAGS, NARROW_MODEL } from "./narrow.ts";
import { removeCheckpoint } from "./runs.ts";
import { engineForTasks, runTask } from "./tasks.ts";

const { ignore, reason } = await engineForTasks();

const SMALL = [
  ...["--bs", "4", "--num-patches", "2", "--patch-size", "16"],
  ...["--precision", "fp32"],
  ...NARROW_FLAGS,
];

Deno.test({
  name: `a damaged image is named, counted and left out${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const data = `${dir}/data`, run = `${dir}/run`;
      await writeImages(data, { classes: 2, each: 4 });
      await writeImages(data, { classes: 2, each: 2, split: "val" });
      // Test images without labels: evaluation uses val/ instead.
      await writeImages(data, { classes: 1, each: 1, split: "test" });
      await Deno.rename(`${data}/test/c0`, `${data}/test/images`);
      // The first training image, cut in the middle.
      const broken = `${data}/train/c0/0.jpg`;
      const { width, height, data: pixels } = photo(32, 32, 1);
      const sharp = await loadSharp();
      const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
        .jpeg().toBuffer();
      await Deno.writeFile(broken, jpeg.subarray(0, jpeg.length / 2));
      const flags = ["--data", "folder", "--data-dir", data, ...SMALL];
      const trained = await runTask("train", [
        ...[...flags, "--epoch", "2", "--dir", run],
        ...["--probe", "epoch", "--cache", `${dir}/cache`],
      ]);
      assertEquals(trained.code, 0, trained.err);
      // The run and its probe report it once each, in a line that names it twice.
      assertEquals(trained.err.split(broken).length, 2 * 2 + 1, trained.err);
      assertStringIncludes(trained.out, "skipped     1 images");
      assertStringIncludes(trained.out, "Step 2: kNN top-1");
      assertStringIncludes(trained.out, "Step 4: kNN top-1");
      const tested = await runTask("evaluate", [
        ...["--model-path", run, "--test-patches", "1", "--no-linear"],
        ...["--precision", "fp32", "--features-out", `${dir}/f.safetensors`],
      ]);
      assertEquals(tested.code, 0, tested.err);
      assertStringIncludes(tested.out, "9 training and 4 test images");
      assertStringIncludes(tested.out, "1 training and 0 test images");
      const { size } = await Deno.stat(`${dir}/f.safetensors`);
      assert(size > 13 * NARROW_MODEL.hidden * 4);
      // A resumed run keeps its images: a new file in the folder does not matter.
      await Deno.copyFile(`${data}/train/c1/1.png`, `${data}/train/c1/9.png`);
      await removeCheckpoint(run, 4);
      const resumed = await runTask("train", ["--resume", run]);
      assertEquals(resumed.code, 0, resumed.err);
      assertStringIncludes(resumed.out, "Resuming after step 2");
      // Two damaged images of ten are too many.
      await Deno.writeFile(`${data}/train/c1/1.png`, new Uint8Array());
      const many = await runTask("train", [...flags, "--dir", `${dir}/many`]);
      assertEquals(many.code, 2);
      assertStringIncludes(many.err, "more than 1 % of 10");
      assert(!many.err.includes("    at "), many.err);
    });
  },
});

Deno.test({
  name: `a data set for which no probe can be made is refused${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      await writeImages(dir, { classes: 1, each: 8 });
      for (
        const [data, why] of [["images", "no labels"], ["folder", "test/"]]
      ) {
        const flags = ["--data", data, "--data-dir", dir, ...SMALL];
        const { code, out, err } = await runTask("train", [
          ...[...flags, "--probe", "1", "--dir", `${dir}/run`],
        ]);
        assertEquals([code, out], [2, ""], err);
        assertStringIncludes(err, why);
      }
    });
  },
});

Deno.test({
  name: "a folder that may not be read is named, in one line" +
    (Deno.uid() === 0 ? "" : " (skipped: only root can be another user)"),
  ignore: Deno.uid() !== 0,
  fn: async () => {
    await withFolder(async (dir) => {
      await writeImages(`${dir}/data`, { classes: 2, each: 1 });
      const locked = `${dir}/data/train/c1`;
      await Deno.writeTextFile(
        `${dir}/open.ts`,
        `import { openDataset } from "${new URL(
          "../src/data/open_dataset.ts",
          import.meta.url,
        )}";
        Deno.chmodSync("${locked}", 0);
        // @ts-ignore: as nobody, to whom a locked folder is locked.
        process.setuid(65534);
        for (const name of ["folder", "images", "cifar10"]) {
          const dir = name === "cifar10" ? "${locked}" : "${dir}/data";
          await openDataset({ name, dir, split: "train" })
            .catch((error) => console.log(error.message));
        }`,
      );
      await Deno.chmod(dir, 0o755);
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "--allow-all", `${dir}/open.ts`],
        env: { NO_COLOR: "1" },
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      await Deno.chmod(locked, 0o755);
      const refused = `Cannot search ${locked}: permission denied`;
      const lines = text(stdout).trim().split("\n");
      assertEquals(lines.length, 3, text(stderr));
      assert(lines[0].startsWith(refused), lines[0]);
      assert(lines[1].startsWith(refused), lines[1]);
      assertStringIncludes(lines[2], `Cannot open cifar10 in ${locked}`);
    });
  },
});
