/**
 * A short run, killed thirty times at random moments and resumed each time, ends with
 * the weights and the losses of an uninterrupted run.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Purpose, RandomStream } from "../../src/random.ts";
import { withFolder } from "../images.ts";
import {
  finish,
  outcomeOf,
  SHORT_RUN,
  startTraining,
} from "../training_process.ts";

const KILLS = 30;
/** About the duration of a run, from the start of its process to the end. */
const LONGEST_MS = 9000;

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`${KILLS} times ${signal} change nothing`, async () => {
    await withFolder(async (dir) => {
      const whole = `${dir}/whole`, parts = `${dir}/parts`;
      await finish(startTraining([...SHORT_RUN, "--dir", whole]));
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
      let completed = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        if (!await hasCheckpoint()) {
          await Deno.remove(parts, { recursive: true }).catch(() => {});
        }
        const child = startTraining(
          await exists() ? ["--resume", parts] : [...SHORT_RUN, "--dir", parts],
        );
        const ended = finish(child);
        await new Promise((done) =>
          setTimeout(done, random.uniform(0, LONGEST_MS))
        );
        try {
          child.kill(signal);
        } catch {
          completed++;
        }
        await ended;
      }
      const { code, text } = await finish(startTraining(["--resume", parts]));
      assertEquals(code, 0, text);
      assertEquals(await outcomeOf(parts), wanted);
      assert(completed < KILLS / 2, "most kills came after the end");
      console.log(`${KILLS - completed} of ${KILLS} found the run alive`);
    });
  });
}
