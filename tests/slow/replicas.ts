/** Replicas in one and in several processes. Takes some minutes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../images.ts";
import {
  distances,
  freePorts,
  trainByFormula,
  trainSpread,
} from "../replicas.ts";
import {
  finish,
  outcomeOf,
  SHORT_RUN,
  startTraining,
} from "../training_process.ts";

const steps = 20;
const SPREADS = [
  { replicas: 2 },
  { replicas: 4 },
  { processes: 2 },
  { processes: 4 },
  { processes: 2, replicas: 2 },
];

function assertClose(
  { losses, weights }: ReturnType<typeof distances>,
  tolerance = { losses: 1e-4, weights: 1e-3 },
): void {
  console.log(`losses within ${losses}, weights within ${weights}`);
  assert(losses <= tolerance.losses && weights <= tolerance.weights);
}

Deno.test("with --sync-bn any spread trains as one network does", async (t) => {
  const one = await trainSpread({ sync: true, steps });
  for (const spread of SPREADS) {
    await t.step(JSON.stringify(spread), async () => {
      const found = await trainSpread({ ...spread, sync: true, steps });
      assertClose(distances(found, one));
    });
  }
});

Deno.test("without it, as one network of so many parts", async (t) => {
  for (const parts of [2, 4]) {
    const wanted = await trainByFormula({ parts, steps });
    for (const spread of [{ replicas: parts }, { processes: parts }]) {
      await t.step(JSON.stringify(spread), async () => {
        const found = await trainSpread({ ...spread, sync: false, steps });
        assertClose(distances(found, wanted));
      });
    }
  }
});

Deno.test("micro-batches work inside a replica", async () => {
  // Only 5 steps: with smaller batch norm groups rounding errors grow faster.
  const run = { sync: true, steps: 5, microBatch: 2 };
  const one = await trainSpread(run);
  const found = await trainSpread({ ...run, processes: 2, replicas: 2 });
  assertClose(distances(found, one));
});

Deno.test("replicas and processes change the patch size together", async () => {
  await withFolder(async (dir) => {
    const flags = SHORT_RUN.map((it) => it === "8" ? "8,16@0.5" : it);
    const start = (run: string, ...more: string[]) =>
      finish(startTraining([...flags, "--dir", `${dir}/${run}`, ...more]));
    const { code, text } = await start("replicas", "--replicas", "2");
    assertEquals(code, 0, text);
    assertStringIncludes(text, "From step 7 on: patches of 16×16");
    const { losses } = await outcomeOf(`${dir}/replicas`);
    assertEquals(losses.length, 12);
    const cluster = freePorts(2).map((port) => `127.0.0.1:${port}`).join();
    const ends = await Promise.all(
      ["0", "1"].map((task) =>
        start("processes", "--cluster", cluster, "--task", task)
      ),
    );
    for (const { code, text } of ends) assertEquals(code, 0, text);
    assertEquals((await outcomeOf(`${dir}/processes`)).losses, losses);
  });
});
