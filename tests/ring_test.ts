import { assertEquals, assertRejects } from "@std/assert";
import { Ring } from "../src/stream/ring.ts";

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Whether a promise settles within 20 ms. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  return await Promise.race([
    promise.then(() => true, () => true),
    pause(20).then(() => false),
  ]);
}

Deno.test("a full ring holds its producer back until a batch is released", async () => {
  const ring = Ring.create({ slots: 2, slotBytes: 1, parts: 1 });
  for (const batch of [0, 1]) {
    await ring.claim(batch);
    ring.complete(batch);
  }
  const third = ring.claim(2);
  assertEquals(await settled(third), false);
  await ring.take(0);
  assertEquals(await settled(third), false);
  ring.release(0);
  assertEquals(await settled(third), true);
});

Deno.test("an empty ring holds its consumer back until all parts are there", async () => {
  const ring = Ring.create({ slots: 2, slotBytes: 3, parts: 3 });
  const batch = ring.take(0);
  for (const part of [0, 1, 2]) {
    assertEquals(await settled(batch), false);
    (await ring.claim(0))[part] = part + 1;
    ring.complete(0);
  }
  assertEquals([...await batch], [1, 2, 3]);
});

Deno.test("batches begin at addresses that TensorFlow reads in place", async () => {
  // Small memory and memory of pages of its own begin at different addresses.
  for (const slotBytes of [3, 1_000, 100_000, 5_000_001]) {
    const ring = Ring.create({ slots: 2, slotBytes, parts: 1 });
    // As another thread sees it.
    const other = new Ring(ring.handle);
    for (const batch of [0, 1]) {
      const view = await other.claim(batch) as Uint8Array<ArrayBuffer>;
      const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(view));
      assertEquals([view.length, address % 64n], [slotBytes, 0n]);
    }
  }
});

for (
  const [who, producing, consuming] of [
    ["consumer", 0, 2],
    ["producer", 2, 0],
  ] as const
) {
  Deno.test(`a slow ${who} gets every batch once and in order`, async () => {
    const ring = Ring.create({ slots: 3, slotBytes: 1, parts: 1 });
    const produce = async () => {
      for (let batch = 0; batch < 20; batch++) {
        await pause(producing);
        (await ring.claim(batch))[0] = batch;
        ring.complete(batch);
      }
    };
    const seen: number[] = [];
    const consume = async () => {
      for (let batch = 0; batch < 20; batch++) {
        seen.push((await ring.take(batch))[0]);
        await pause(consuming);
        ring.release(batch);
      }
    };
    await Promise.all([produce(), consume()]);
    assertEquals(seen, Array.from({ length: 20 }, (_, i) => i));
  });
}

Deno.test("abort() wakes all who wait and refuses all who come later", async () => {
  const ring = Ring.create({ slots: 1, slotBytes: 1, parts: 1 });
  const waiting = assertRejects(() => ring.take(0), Error, "it was stopped");
  ring.abort();
  await waiting;
  await assertRejects(() => ring.claim(0), Error, "it was stopped");
});

Deno.test("startAt() lets a ring begin in the middle of a run", async () => {
  const ring = Ring.create({ slots: 3, slotBytes: 1, parts: 1 });
  ring.startAt(7);
  for (const batch of [7, 8, 9]) {
    (await ring.claim(batch))[0] = batch;
    ring.complete(batch);
  }
  assertEquals((await ring.take(7))[0], 7);
  ring.release(7);
  await ring.claim(10);
});
