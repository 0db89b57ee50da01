/**
 * mod.ts imported from a URL by projects without any of our files: one with a folder of
 * images only, one with its own import map, package.json, table of images, recipe and
 * network.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { withFolder, writeImages } from "../images.ts";
import { engineForTasks } from "../tasks.ts";

const ROOT = new URL("../../", import.meta.url);
const engine = await engineForTasks();

/** Serves the repository's files. */
function serveRepository() {
  const asked: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      try {
        const bytes = await Deno.readFile(new URL(`.${pathname}`, ROOT));
        const type = pathname.endsWith(".wasm")
          ? "application/wasm"
          : "application/typescript";
        return new Response(bytes, { headers: { "content-type": type } });
      } catch {
        return new Response(null, { status: 404 });
      }
    },
  );
  const { port } = server.addr as Deno.NetAddr;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test({
  name:
    `a project elsewhere trains and evaluates by importing mod.ts from a URL${engine.reason}`,
  ignore: engine.ignore,
  fn: async () => {
    await using server = serveRepository();
    await withFolder(async (dir) => {
      await writeImages(`${dir}/images`, { classes: 2, each: 6 });
      await writeImages(`${dir}/images`, {
        classes: 2,
        each: 2,
        split: "test",
      });
      const example = new URL("examples/train_and_evaluate.ts", ROOT);
      const source = await Deno.readTextFile(example);
      assert(source.split("\n").length < 40);
      await Deno.writeTextFile(
        `${dir}/main.ts`,
        source.replace("../mod.ts", `${server.url}/mod.ts`),
      );
      const { host } = new URL(server.url);
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        cwd: dir,
        args: [
          ...["run", "--no-check", "--no-lock", `--allow-import=${host}`],
          ...["--allow-read", "--allow-write", "--allow-env", "--allow-sys"],
          ...["--allow-ffi", `--allow-net=${host}`, "--allow-run=python3"],
          ...["main.ts", "images", "run"],
        ],
        env: { NO_COLOR: "1" },
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assertEquals(code, 0, text(stderr));
      assertStringIncludes(text(stdout), "step 2: loss -");
      assertStringIncludes(text(stdout), "linear probe");
      // All code came from the URL, including the workers and the compiled transforms.
      for (
        const file of [
          "/mod.ts",
          "/workers/patch_worker.ts",
          "/workers/training_worker.ts",
          "/src/patches/wasm/kernels.wasm",
        ]
      ) assert(server.asked.includes(file), file);
    });
  },
});

/** The program of the second project, whose import map names mod.ts `ssl`. */
const PROGRAM = `
import { evaluate, loadEncoder, recipeOf, train, VERSION } from "ssl";
import { add } from "numbers";

const choices = {
  data: {
    module: import.meta.resolve("./table.ts"),
    options: { file: "images.db" },
  },
  recipe: { flip: 0 },
  arch: "resnet34-cifar" as const,
  model: { width: 8, hidden: 64, embedding: 32, channels: 1 },
  batchSize: 4, patches: 2, patchSize: 8, epochs: 2, dir: "run",
};
const controller = new AbortController();
for await (const event of train(choices, { signal: controller.signal })) {
  if (event.type === "step" && event.metrics.step === 1) controller.abort();
  if (event.type === "stopped") console.log("stopped", event.step);
}
let steps = 0;
for await (const event of train({}, { resume: "run" })) {
  if (event.type === "step") steps = add(steps, 1);
}
console.log("then", steps);
const { images } = await evaluate({ modelPath: "run", testPatches: 1 });
console.log("tested", images.train, images.test);
const encoder = await loadEncoder({ modelPath: "run", patches: 2 });
const feature = await encoder.embed("one.png");
console.log("feature", feature.length, recipeOf(encoder.recipe).flip, VERSION);
console.log("channels", encoder.pixels.channels);
encoder.dispose();
Deno.exit(0);
`;

Deno.test({
  name:
    `a project with data, augmentation and network of its own${engine.reason}`,
  ignore: engine.ignore,
  fn: async () => {
    await using server = serveRepository();
    await withFolder(async (dir) => {
      const example = new URL("examples/sqlite_data.ts", ROOT);
      const table = await Deno.readTextFile(example);
      const write = (name: string, text: string) =>
        Deno.writeTextFile(`${dir}/${name}`, text);
      await write("table.ts", table.replace("../mod.ts", "ssl"));
      await write("main.ts", PROGRAM);
      await write(
        "numbers.ts",
        "export const add = (a: number, b: number) => a + b;",
      );
      await write("package.json", '{ "type": "module" }');
      await write(
        "deno.json",
        JSON.stringify({
          nodeModulesDir: "auto",
          imports: { ssl: `${server.url}/mod.ts`, numbers: "./numbers.ts" },
        }),
      );
      {
        using database = new DatabaseSync(`${dir}/images.db`);
        database.exec(
          "create table images (split text, label text, file blob)",
        );
        const insert = database.prepare("insert into images values (?, ?, ?)");
        for (const split of ["train", "test"]) {
          await writeImages(`${dir}/files`, { classes: 2, each: 8, split });
          for (const label of ["c0", "c1"]) {
            for (let i = 0; i < 8; i++) {
              const path = `${dir}/files/${split}/${label}/${i}.png`;
              insert.run(split, label, await Deno.readFile(path));
            }
          }
        }
      }
      await Deno.copyFile(`${dir}/files/test/c0/0.png`, `${dir}/one.png`);
      const { host } = new URL(server.url);
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        cwd: dir,
        args: [
          ...["run", "--check", "--no-lock", `--allow-import=${host}`],
          ...["--allow-read", "--allow-write", "--allow-env", "--allow-sys"],
          ...["--allow-ffi", "main.ts"],
        ],
        env: { NO_COLOR: "1" },
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assertEquals(code, 0, text(stderr));
      assertEquals(text(stdout).trim().split("\n"), [
        "stopped 2",
        "then 6",
        "tested 16 16",
        "feature 64 0 0.1.0",
        "channels 1",
      ]);
    });
  },
});
