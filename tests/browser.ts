/** A real browser, where the machine has one. */
import { AxeBuilder } from "npm:@axe-core/playwright@4.11.0";
import { type Browser, chromium, type Page } from "npm:playwright-core@1.65.1";

import { engineForTasks } from "./tasks.ts";

const CANDIDATES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** The browser, or why there is none. */
export interface BrowserForTest {
  /** Whether there is no browser. */
  ignore: boolean;
  /** To be shown after the test's name. */
  reason: string;
  /** The path of its program. */
  path: string;
}

/** Looks for a browser. */
export function findBrowser(): BrowserForTest {
  const named = Deno.env.get("EMP_SSL_TEST_BROWSER");
  for (const path of named ? [named] : CANDIDATES) {
    try {
      Deno.statSync(path);
      return { ignore: false, reason: "", path };
    } catch {
      // Not this one.
    }
  }
  const reason = " (skipped: no Chromium; name one in EMP_SSL_TEST_BROWSER)";
  return { ignore: true, reason, path: "" };
}

/** Runs a test with a browser, and closes the browser afterwards. */
export async function withBrowser(
  { path }: BrowserForTest,
  run: (browser: Browser) => Promise<void>,
): Promise<void> {
  const browser = await chromium.launch({
    executablePath: path,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  try {
    await run(browser);
  } finally {
    await browser.close();
  }
}

/** Declares a test that needs a browser and TensorFlow. */
export async function testInBrowser(
  name: string,
  fn: (browser: BrowserForTest) => Promise<void>,
): Promise<void> {
  const browser = findBrowser(), engine = await engineForTasks();
  Deno.test({
    name: name + (engine.reason || browser.reason),
    ignore: engine.ignore || browser.ignore,
    // Playwright keeps operations and resources open after the test.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => fn(browser),
  });
}

/** The serious faults that axe-core finds on a page. */
export async function seriousFaults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(", ")}`);
}
