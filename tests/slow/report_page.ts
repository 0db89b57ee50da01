/**
 * The report of a real run in a real browser without a network.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { seriousFaults, testInBrowser, withBrowser } from "../browser.ts";
import { withFolder } from "../images.ts";
import { runTask } from "../tasks.ts";

await testInBrowser(
  "a report opens without a network",
  async (browserForTest) => {
    await withFolder(async (dir) => {
      const run = `${dir}/run`;
      const trained = await runTask("train", [
        ...["--dir", run, "--limit-images", "80", "--bs", "8"],
        ...["--num-patches", "3", "--probe", "5", "--precision", "fp32"],
      ]);
      assertEquals(trained.code, 0, trained.err);
      const tested = await runTask("evaluate", [
        ...["--model-path", run, "--test-patches", "2"],
        ...["--limit-train", "60", "--limit-test", "40"],
      ]);
      assertEquals(tested.code, 0, tested.err);
      const { code, out, err } = await runTask("report", [run]);
      assertEquals(
        [code, err.includes("Left out of the report")],
        [0, false],
        err,
      );
      assertStringIncludes(out, "9 figures as SVG");
      const path = `${run}/report.html`;
      assert((await Deno.stat(path)).size < 5e6);
      await withBrowser(browserForTest, async (browser) => {
        const context = await browser.newContext({ offline: true });
        const page = await context.newPage();
        const requests: string[] = [];
        page.on("request", (request) => requests.push(request.url()));
        await page.goto(`file://${path}`);
        assertEquals(await page.locator("figure svg").count(), 9);
        assertEquals(await page.locator("img").count(), 2);
        const text = await page.locator("body").innerText();
        for (const part of ["neighbours have the same class", "60 and 40"]) {
          assertStringIncludes(text, part);
        }
        assertEquals(await seriousFaults(page), []);
        const elsewhere = requests.filter((url) =>
          !url.startsWith("file:") && !url.startsWith("data:")
        );
        assertEquals(elsewhere, []);
        const folder = Deno.env.get("EMP_SSL_SCREENSHOTS");
        if (folder) {
          await page.setViewportSize({ width: 1100, height: 800 });
          await page.screenshot({
            path: `${folder}/report.png`,
            fullPage: true,
          });
        }
      });
    });
  },
);
