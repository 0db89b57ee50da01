/** An interrupted run resumes as if it had not been interrupted. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "./images.ts";
import { removeCheckpoint } from "./runs.ts";
import { engineForTasks } from "./tasks.ts";
import {
  finish,
  outcomeOf,
  reached,
  SHORT_RUN,
  startTraining,
} from "./training_process.ts";

const { ignore, reason } = await engineForTasks();

Deno.test({
  name: `a run goes on exactly after SIGTERM, SIGKILL and damage${reason}`,
  ignore,
  fn: async (t) => {
    await withFolder(async (dir) => {
      const whole = `${dir}/whole`, parts = `${dir}/parts`;
      const { code, text } = await finish(
        startTraining([...SHORT_RUN, "--dir", whole]),
      );
      assertEquals(code, 0, text);
      const wanted = await outcomeOf(whole);
      assertEquals(wanted.losses.length, 12);
      await t.step(
        "killed before its first checkpoint: from the start",
        async () => {
          // The last flag is --save-every.
          const seldom = [...SHORT_RUN.slice(0, -1), "1000", "--dir", parts];
          const child = startTraining(seldom);
          await reached(parts, 1, child);
          child.kill("SIGKILL");
          await finish(child);
          // One is written after each epoch of four steps.
          for (const step of [4, 8, 12]) await removeCheckpoint(parts, step);
          const { code, text } = await finish(
            startTraining([...seldom, "--resume", "auto"]),
          );
          assertEquals(code, 0, text);
          assertStringIncludes(text, "starting a new one");
          assertEquals(await outcomeOf(parts), wanted);
          await Deno.remove(parts, { recursive: true });
        },
      );
      const resume = (...more: string[]) =>
        startTraining(["--resume", parts, ...more]);

      await t.step("SIGTERM: a checkpoint, 143 and how to go on", async () => {
        const child = startTraining([...SHORT_RUN, "--dir", parts]);
        await reached(parts, 4, child);
        child.kill("SIGTERM");
        const { code, text } = await finish(child);
        assertEquals(code, 143, text);
        assertStringIncludes(text, `deno task train --resume ${parts}`);
      });

      await t.step(
        "another run may not take the folder meanwhile",
        async () => {
          const child = resume();
          await reached(parts, 7, child);
          const second = await finish(resume());
          assertEquals(second.code, 2);
          assertStringIncludes(second.text, "another process is writing a run");
          child.kill("SIGKILL");
          await child.status;
          await child.stdout.cancel();
          await child.stderr.cancel();
        },
      );

      await t.step("a flag that would change the run is refused", async () => {
        const { code, text } = await finish(resume("--lr", "0.1"));
        assertEquals(code, 2);
        assertStringIncludes(text, "it was started with 0.3");
        const grey = await finish(resume("--no-color"));
        assertEquals(grey.code, 2);
        assertStringIncludes(grey.text, "with --recipe");
        const config = `${parts}/config.json`;
        const other = await finish(resume("--config", config));
        assertEquals(other.code, 2);
        assertStringIncludes(other.text, "the run has its own configuration");
      });

      await t.step("the rest, from before a damaged checkpoint", async () => {
        const newest = [...Deno.readDirSync(parts)].map((e) => e.name)
          .filter((name) => /^checkpoint-\d+\.json$/.test(name)).sort().at(-1)!;
        const model = `${parts}/${newest.replace("json", "safetensors")}`;
        const bytes = await Deno.readFile(model);
        await Deno.writeFile(model, bytes.subarray(0, bytes.length >> 1));
        const { code, text } = await finish(resume("--workers", "2"));
        assertEquals(code, 0, text);
        assertStringIncludes(text, "Skipped a damaged checkpoint");
        assertStringIncludes(text, "with its weights, momentum and place");
        assertEquals(await outcomeOf(parts), wanted);
        assert(!text.includes(" at "), "a stack trace");
      });
    });
  },
});
