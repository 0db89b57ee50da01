/**
 * The live page in a real browser during a real run, which is killed and resumed.
 * EMP_SSL_SCREENSHOTS names a folder for screenshots.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { seriousFaults, testInBrowser, withBrowser } from "../browser.ts";
import { withFolder } from "../images.ts";
import { finish, startTraining } from "../training_process.ts";

await testInBrowser(
  "a browser sees a run go on, through a kill and a resume",
  async (browserForTest) => {
    await withFolder(async (dir) => {
      const run = `${dir}/run`;
      const flags = ["--dashboard", "4689"];
      const children: Deno.ChildProcess[] = [];
      const train = (args: string[]) => {
        children.push(startTraining([...args, ...flags]));
        return children.at(-1)!;
      };
      const first = train([
        ...["--dir", run, "--limit-images", "120", "--bs", "12"],
        ...["--num-patches", "4", "--epoch", "40", "--save-every", "2"],
        ...["--probe", "9", "--precision", "fp32"],
      ]);
      await withBrowser(browserForTest, async (browser) => {
        const page = await (await browser.newContext()).newPage();
        const requests: string[] = [];
        page.on("request", (request) => requests.push(request.url()));
        const faults: string[] = [];
        page.on("pageerror", (error) => faults.push(error.message));
        const steps = async () => {
          const text = await page.locator("#curve-loss [role=img]")
            .getAttribute("aria-label");
          return Number(/(\d+) values/.exec(text ?? "")?.[1] ?? 0);
        };
        const until = async (least: number) => {
          for (let tries = 0; tries < 600; tries++) {
            if (await steps() >= least) return;
            await page.waitForTimeout(100);
          }
          throw new Error(`${least} steps were not shown: ${faults}`);
        };
        for (let tries = 0; tries < 300; tries++) {
          try {
            await page.goto("http://127.0.0.1:4689/");
            break;
          } catch {
            await page.waitForTimeout(100);
          }
        }
        await until(4);
        const patches = page.locator("#patches");
        await patches.waitFor({ state: "visible" });
        const before = await patches.getAttribute("src");
        await until(11);
        assert(await patches.getAttribute("src") !== before);
        assertEquals(await page.locator("#map circle").count(), 12);
        assertEquals(await page.locator("#spectrum rect").count(), 12);
        await page.locator("#umap").click();
        await page.locator("#map-text", { hasText: "UMAP" }).waitFor();
        assertEquals(await seriousFaults(page), []);
        const folder = Deno.env.get("EMP_SSL_SCREENSHOTS");
        if (folder) {
          for (const scheme of ["light", "dark"] as const) {
            await page.emulateMedia({ colorScheme: scheme });
            for (const [name, width] of [["desktop", 1200], ["phone", 390]]) {
              await page.setViewportSize({ width: Number(width), height: 800 });
              await page.waitForTimeout(700);
              const path = `${folder}/live-${name}-${scheme}.png`;
              await page.screenshot({ path, fullPage: true });
            }
          }
        }
        first.kill("SIGKILL");
        await first.status;
        await first.stdout.cancel();
        await first.stderr.cancel();
        const shown = await steps();
        const second = train(["--resume", run]);
        await page.locator("#state", { hasText: "reached" }).waitFor();
        await until(shown + 3);
        await page.reload();
        await until(shown + 3);
        second.kill("SIGTERM");
        const { text } = await finish(second);
        assertStringIncludes(text, "Live page: http://127.0.0.1:4689/");
        assertEquals(faults, []);
        for (const url of requests) {
          assertStringIncludes(url, "http://127.0.0.1:4689/");
        }
      }).finally(() => {
        for (const child of children) {
          try {
            child.kill("SIGKILL");
          } catch {
            // The process has already ended.
          }
        }
      });
    });
  },
);
