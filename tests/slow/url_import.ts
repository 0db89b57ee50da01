/**
 * mod.ts imported from a URL, by a project that has nothing of ours: its own
 * folder, no deno.json, its own images.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
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
      // What ran came from the URL, the compiled patches and the workers too.
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
