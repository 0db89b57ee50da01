/**
 * A run with permissions for its own folders only: these suffice, and it cannot read
 * or write elsewhere.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname } from "node:path";
import { cacheFolder } from "../src/common/cache.ts";
import { withFolder, writeImages } from "./images.ts";
import { PERMISSIONS } from "../tasks/launch.ts";
import { engineForTasks, permissionsOf } from "./tasks.ts";

const { ignore, reason } = await engineForTasks();

/** The folder in which Deno caches npm packages. */
async function packagesFolder(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
  }).output();
  return `${JSON.parse(new TextDecoder().decode(stdout)).denoDir}/npm`;
}

Deno.test("launched processes have the permissions of `train`", () => {
  assertEquals([...PERMISSIONS], permissionsOf("train"));
});

Deno.test("a program runs where the linker's variables are set, by its name alone", async () => {
  await withFolder(async (dir) => {
    const pip = new URL("../src/engine/setup/pip.ts", import.meta.url);
    await Deno.writeTextFile(
      `${dir}/run.ts`,
      `import { runProgram } from "${pip}";
      const found = await runProgram("deno", ["eval", "console.log(6 * 7)"]);
      console.log(found?.text);`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--no-prompt", "--allow-env"],
        ...["--allow-run=deno", `${dir}/run.ts`],
      ],
      env: {
        LD_LIBRARY_PATH: "/nowhere",
        PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
      },
    }).output();
    const text = new TextDecoder();
    assertEquals(text.decode(stdout).trim(), "42", text.decode(stderr));
  });
});

Deno.test({
  name: `a run reads and writes in its own folders alone${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      for (const name of ["data", "other"]) {
        await writeImages(`${dir}/${name}`, { classes: 1, each: 4 });
      }
      for (const name of ["runs", "tmp"]) await Deno.mkdir(`${dir}/${name}`);
      const project = new URL("..", import.meta.url).pathname;
      const own = [cacheFolder(), `${dir}/runs`, `${dir}/tmp`];
      const seen = [project, await packagesFolder(), `${dir}/data`, ...own];
      const train = async (data: string, run: string) => {
        const { code, stderr } = await new Deno.Command(Deno.execPath(), {
          args: [
            ...["run", "--no-prompt", "--no-check", "--allow-env"],
            ...["--allow-sys", "--allow-ffi"],
            `--allow-read=${seen}`,
            `--allow-write=${own}`,
            `${project}tasks/train.ts`,
            ...["--data", "images", "--data-dir", `${dir}/${data}`],
            ...["--dir", `${dir}/${run}`, "--patch-size", "8", "--bs", "4"],
            ...["--num-patches", "2", "--epoch", "1", "--precision", "fp32"],
          ],
          env: { NO_COLOR: "1", TMPDIR: `${dir}/tmp` },
        }).output();
        return { code, err: new TextDecoder().decode(stderr) };
      };
      const allowed = await train("data", "runs/a");
      assertEquals(allowed.code, 0, allowed.err);
      assert(await Deno.stat(`${dir}/runs/a/config.json`));
      const elsewhere = await train("other", "runs/b");
      assertEquals(elsewhere.code, 2);
      assertStringIncludes(elsewhere.err, "not given --allow-read for it");
      const outside = await train("data", "other/run");
      assertEquals(outside.code, 2);
      assertStringIncludes(outside.err, "Cannot write a run to");
      assertEquals(
        [...Deno.readDirSync(`${dir}/other`)].map((e) => e.name),
        ["train"],
      );
    });
  },
});

Deno.test("without --allow-ffi an error says so, and no image is called broken", async () => {
  await withFolder(async (dir) => {
    await writeImages(`${dir}/data`, { classes: 1, each: 4 });
    const library = new URL("../mod.ts", import.meta.url).href;
    const program = `import { PatchStream } from "${library}";
      const job = {
        source: { name: "images", split: "train", dir: "${dir}/data" },
        recipe: "cifar", patchSize: 8, images: 2, patches: 2, shuffle: false,
        seed: 0, firstBatch: 0, endBatch: 2,
      };
      try {
        await using stream = await PatchStream.open(job, { workers: 1 });
        for await (const _ of stream);
      } catch ({ code, message }) {
        console.log(code, message);
      }`;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--no-check", "--allow-env", "--allow-sys"],
        ...[
          "--allow-read",
          `data:text/typescript,${encodeURIComponent(program)}`,
        ],
      ],
      env: { NO_COLOR: "1" },
    }).output();
    const said = new TextDecoder().decode(stdout);
    const begin =
      "ENGINE_UNAVAILABLE Cannot load sharp, the decoder of images: ";
    assert(said.startsWith(begin), said + new TextDecoder().decode(stderr));
    assertStringIncludes(said, "--allow-ffi");
  });
});
