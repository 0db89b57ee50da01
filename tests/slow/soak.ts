/**
 * Sixty thousand batches for a consumer that sleeps, and as many for one that does not:
 * memory stays flat, and every batch comes once, in order.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import type { PatchJob } from "../../src/stream/patch_job.ts";
import { PatchStream } from "../../src/stream/patch_stream.ts";

const BATCHES = 60_000;
const JOB: PatchJob = {
  source: { name: "shapes", split: "train" },
  recipe: "cifar",
  patchSize: 16,
  images: 4,
  patches: 4,
  shuffle: true,
  seed: 1,
  firstBatch: 0,
  endBatch: BATCHES,
};

/**
 * The highest memory reading of the last third, divided by that of the second third.
 * V8 lets the heaps of the main thread and of three workers grow for a while before it
 * collects garbage, for longer the less is allocated. `deno task test:slow` limits the
 * young generation, so that memory is level after the first third of the batches.
 */
async function soak(wait: () => Promise<void>): Promise<number> {
  // Two streams of one job with different numbers of workers must give equal batches.
  await using one = await PatchStream.open(JOB, { workers: 1 });
  await using other = await PatchStream.open(JOB, { workers: 2 });
  const others = other[Symbol.asyncIterator]();
  const readings: number[] = [];
  let batch = 0;
  for await (const bytes of one) {
    const { value } = await others.next();
    assertEquals(
      Buffer.compare(bytes, value as Uint8Array),
      0,
      `batch ${batch}`,
    );
    if (batch++ % 100 === 0) readings.push(Deno.memoryUsage().rss);
    await wait();
  }
  assertEquals(batch, BATCHES);
  const third = readings.length / 3;
  const early = Math.max(...readings.slice(third, 2 * third));
  return Math.max(...readings.slice(2 * third)) / early;
}

const CONSUMERS = {
  "sleeps": () => new Promise<void>((done) => setTimeout(done, 2)),
  "only takes": () => Promise.resolve(),
};

for (const [name, wait] of Object.entries(CONSUMERS)) {
  Deno.test(`${BATCHES} batches to a consumer that ${name}`, async () => {
    const growth = await soak(wait);
    console.log(`memory at the end is ${growth.toFixed(3)} of the start's`);
    assert(growth < 1.05, `memory grew to ${growth}`);
  });
}
