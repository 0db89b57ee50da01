/**
 * An export for TensorFlow.js, run by that package in a real browser.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import tfjs from "npm:@tensorflow/tfjs@4.22.0/dist/tf.min.js" with {
  type: "text",
};
import { testInBrowser, withBrowser } from "../browser.ts";
import { withFolder } from "../images.ts";
import { runTask } from "../tasks.ts";

const PAGE = `<!doctype html><script src="/tf.js"></script>`;

/** Runs in the page. */
const FEATURES = `async ({ shape, patches }) => {
  const model = await tf.loadGraphModel("/model/model.json");
  const bytes = tf.tensor(patches, shape, "float32");
  const y = model.predict(bytes.div(127.5).sub(1));
  return { values: [...await y.data()], backend: tf.getBackend() };
}`;

await testInBrowser("a browser gives our features", async (browserForTest) => {
  await withFolder(async (dir) => {
    const made = await runTask("export_case", [dir]);
    assertEquals(made.code, 0, made.err);
    const { code, err } = await runTask("export", [
      ...["--model-path", made.out.trim(), "--format", "tfjs"],
      ...["--out", `${dir}/model`],
    ]);
    assertEquals(code, 0, err);
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/") {
          return new Response(PAGE, {
            headers: { "content-type": "text/html" },
          });
        }
        if (pathname === "/tf.js") return new Response(tfjs);
        if (!pathname.startsWith("/model/")) {
          return new Response("", { status: 404 });
        }
        return new Response(await Deno.readFile(dir + pathname));
      },
    );
    const features = JSON.parse(await Deno.readTextFile(`${dir}/case.json`));
    await withBrowser(browserForTest, async (browser) => {
      const page = await (await browser.newContext()).newPage();
      await page.goto(`http://127.0.0.1:${server.addr.port}/`);
      const { shape, patches } = features;
      const { values, backend } = await page.evaluate(
        `(${FEATURES})(${JSON.stringify({ shape, patches })})`,
      ) as { values: number[]; backend: string };
      const wanted: number[] = features.features;
      assertEquals(values.length, wanted.length);
      const off = Math.hypot(...values.map((value, i) => value - wanted[i])) /
        Math.hypot(...wanted);
      console.log(`backend ${backend}: features differ by ${off}`);
      assert(off < 1e-3);
    });
  });
});
