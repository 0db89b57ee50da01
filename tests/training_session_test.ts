/** A training session with a fake engine, whose steps end when the test says so. */
import { assertEquals, assertRejects } from "@std/assert";
import type { Engine, StepResult } from "../src/engine/engine.ts";
import { codeOf } from "../src/common/errors.ts";
import { Ring } from "../src/stream/ring.ts";
import { TRAIN_DEFAULTS } from "../src/train/choices.ts";
import { resolveConfig } from "../src/train/config.ts";
import { TrainingSession } from "../src/train/training_session.ts";

const BATCHES = 4;
/** The largest patch side for which the fake device has enough memory. */
const LARGEST = 32;

/**
 * A session with some batches ready, and a log of the calls to its engine.
 *
 * @param hasMemory Whether the device has its own memory, as a GPU has.
 */
async function newSession(hasMemory = false) {
  const config = await resolveConfig({
    ...TRAIN_DEFAULTS,
    data: "shapes",
    model: { width: 8, hidden: 16, embedding: 8 },
  });
  const ring = Ring.create({ slots: BATCHES, slotBytes: 1, parts: 1 });
  for (let batch = 0; batch < BATCHES; batch++) {
    (await ring.claim(batch)).fill(batch);
    ring.complete(batch);
  }
  const begun: PromiseWithResolvers<StepResult>[] = [];
  const log: string[] = [];
  let trainers = 0;
  const engine: Engine = {
    report: { engine: "cpu", version: "0", device: "CPU", precision: "fp32" },
    trainer({ patchSize }, state, momentum) {
      const from = [...state.keys(), ...momentum?.keys() ?? []];
      if (trainers++ > 0) log.push(`${patchSize} px from ${from}`);
      if (patchSize > LARGEST) return Promise.reject(new Error("no memory"));
      return Promise.resolve({
        step() {
          log.push(`step ${begun.length}`);
          begun.push(Promise.withResolvers<StepResult>());
          return begun.at(-1)!.promise;
        },
        upload: hasMemory
          ? ([first]: Uint8Array) => {
            log.push(`upload ${first}`);
            return Promise.resolve();
          }
          : undefined,
        state: () => Promise.resolve(new Map([["w", new Float32Array()]])),
        optimizerState: () =>
          Promise.resolve(new Map([["m", new Float32Array()]])),
        dispose: () => void log.push("disposed"),
      });
    },
    encoder: () => Promise.reject(new Error("no encoder")),
  };
  const session = await TrainingSession.start(engine, config, {
    handle: ring.handle,
    patchSize: config.patchSize,
    end: config.steps,
  });
  const end = (step: number, loss = -1) =>
    begun[step]!.resolve({
      ...{ loss, invariance: .5, tcr: 9, stopping: false },
      gram: Float32Array.of(1, 0, 0, 1),
    });
  return { session, ring, log, end };
}

/** Waits until all pending callbacks have run. */
const soon = () => new Promise((done) => setTimeout(done, 5));

Deno.test("a step ahead begins before the numbers of the one before are told", async () => {
  const { session, log, end } = await newSession();
  const first = session.step(0, { ahead: true });
  await soon();
  assertEquals(log, ["step 0"]);
  end(0, -7);
  assertEquals((await first).loss, -7);
  await soon();
  assertEquals(log, ["step 0", "step 1"]);
  const second = session.step(1);
  end(1, -8);
  const { step, loss } = await second;
  assertEquals([step, loss], [1, -8]);
  await soon();
  // No step is running: a checkpoint would have the state after step 1.
  assertEquals(log, ["step 0", "step 1"]);
  await session.close();
  assertEquals(log.at(-1), "disposed");
});

Deno.test("the device is not freed while it computes a step ahead", async () => {
  const { session, log, end } = await newSession();
  const first = session.step(0, { ahead: true });
  await soon();
  end(0);
  await first;
  await soon();
  const closed = session.close();
  await soon();
  assertEquals(log, ["step 0", "step 1"]);
  end(1);
  await closed;
  assertEquals(log, ["step 0", "step 1", "disposed"]);
});

Deno.test("a step ahead that has no batch yet is given up with the session", async () => {
  const { session, ring, log, end } = await newSession();
  for (let step = 0; step < BATCHES; step++) {
    const made = session.step(step, { ahead: true });
    await soon();
    end(step);
    await made;
  }
  await soon();
  assertEquals(log.length, BATCHES);
  await session.close();
  await ring.claim(BATCHES);
  ring.complete(BATCHES);
  await soon();
  assertEquals(log.slice(BATCHES), ["disposed"]);
});

Deno.test("a loss that is no number ends the run also where the next step is under way", async () => {
  const { session, end } = await newSession();
  const first = session.step(0, { ahead: true });
  await soon();
  end(0, NaN);
  assertEquals(codeOf(await assertRejects(() => first)), "NOT_FINITE");
  await soon();
  end(1, NaN);
  const next = await assertRejects(() => session.step(1));
  assertEquals(codeOf(next), "NOT_FINITE");
  await session.close();
});

Deno.test("a device with a memory of its own gets the next batch while a step runs", async () => {
  const { session, ring, log, end } = await newSession(true);
  const first = session.step(0, { ahead: true });
  await soon();
  assertEquals(log, ["upload 0", "step 0", "upload 1"]);
  // The slots of the uploaded batches are free before any step has ended.
  for (const batch of [BATCHES, BATCHES + 1]) {
    (await ring.claim(batch)).fill(batch);
    ring.complete(batch);
  }
  end(0);
  await first;
  await soon();
  assertEquals(log.slice(3), ["step 1", "upload 2"]);
  const closed = session.close();
  end(1);
  await closed;
  assertEquals(log.slice(5), ["disposed"]);
});

Deno.test("batches of another size go to a new trainer with the same state", async () => {
  const { session, ring, log, end } = await newSession(true);
  const first = session.step(0);
  await soon();
  end(0);
  await first;
  const { handle } = ring;
  await session.continueWith({ handle, patchSize: 24, end: BATCHES });
  const next = log.slice(3);
  assertEquals(next, ["disposed", "24 px from w,m"]);
  const tooLarge = { handle, patchSize: LARGEST + 8, end: BATCHES };
  await assertRejects(() => session.continueWith(tooLarge), Error, "no memory");
  await session.close();
  // Each trainer is disposed once.
  assertEquals(log.slice(5), ["disposed", "40 px from w,m"]);
});
