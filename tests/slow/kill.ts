/**
 * A short run, killed thirty times at random moments and resumed each time, ends with
 * the weights and the losses of an uninterrupted run. A run that is complete is begun
 * again.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Purpose, RandomStream } from "../../src/common/random.ts";
import { withFolder } from "../images.ts";
import {
  finish,
  outcomeOf,
  SHORT_RUN,
  startTraining,
} from "../training_process.ts";

const KILLS = 30;

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`${KILLS} times ${signal} change nothing`, async () => {
    await withFolder(async (dir) => {
      const whole = `${dir}/whole`, parts = `${dir}/parts`;
      const begin = performance.now();
      await finish(startTraining([...SHORT_RUN, "--dir", whole]));
      const longest = performance.now() - begin;
      const wanted = await outcomeOf(whole);
      const random = new RandomStream({
        seed: 30,
        purpose: Purpose.probe,
        at: [],
      });
      const exists = () =>
        Deno.stat(`${parts}/config.json`).then(() => true, () => false);
      const hasCheckpoint = async () =>
        (await exists()) &&
        [...Deno.readDirSync(parts)].some((e) =>
          /^checkpoint-\d+\.json$/.test(e.name)
        );
      const isComplete = () =>
        Deno.stat(`${parts}/checkpoint-00000012.json`)
          .then(() => true, () => false);
      let alive = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        if (!await hasCheckpoint()) {
          await Deno.remove(parts, { recursive: true }).catch(() => {});
        }
        const child = startTraining(
          await exists() ? ["--resume", parts] : [...SHORT_RUN, "--dir", parts],
        );
        const ended = finish(child);
        await new Promise((done) =>
          setTimeout(done, random.uniform(0, longest))
        );
        try {
          child.kill(signal);
          alive++;
        } catch {
          // It has already ended.
        }
        await ended;
        if (await isComplete()) {
          assertEquals(await outcomeOf(parts), wanted);
          await Deno.remove(parts, { recursive: true });
        }
      }
      assert(alive > KILLS / 2, `${alive} of ${KILLS} found the run alive`);
      if (!await hasCheckpoint()) return;
      const { code, text } = await finish(startTraining(["--resume", parts]));
      assertEquals(code, 0, text);
      assertEquals(await outcomeOf(parts), wanted);
    });
  });
}
