/**
 * A run whose disk becomes full keeps its checkpoints, reports the error in one line,
 * and resumes exactly once there is room.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { statfsSync } from "node:fs";
import { cachedDecode, CacheUsage } from "../../src/data/decoded_cache.ts";
import { withFolder } from "../images.ts";
import {
  finish,
  outcomeOf,
  SHORT_RUN,
  startTraining,
} from "../training_process.ts";

async function command(name: string, args: string[]): Promise<string> {
  const { code, stderr } = await new Deno.Command(name, { args }).output();
  return code === 0 ? "" : new TextDecoder().decode(stderr).trim();
}

/** Mounts a disk of some megabytes; returns why that failed, or an empty string. */
const mount = (dir: string, megabytes: number, how = "size") =>
  command("mount", [
    ...["-t", "tmpfs", "-o", `${how}=${megabytes}m`, "none", dir],
  ]).catch((error) => `${error.message}`);

/** Sizes of the disk in MB: a checkpoint has 105, so the small disk holds only one. */
const SMALL = 150, LARGE = 500;

async function whyNot(): Promise<string> {
  const dir = await Deno.makeTempDir();
  const why = await mount(dir, 1);
  if (!why) await command("umount", [dir]);
  await Deno.remove(dir);
  return why && ` (skipped: no disk can be mounted here: ${why})`;
}
const reason = await whyNot();

Deno.test({
  name: `a disk that becomes full loses nothing${reason}`,
  ignore: reason !== "",
  fn: async () => {
    await withFolder(async (dir) => {
      const whole = `${dir}/whole`, disk = `${dir}/disk`;
      await finish(startTraining([...SHORT_RUN, "--dir", whole]));
      await Deno.mkdir(disk);
      assertEquals(await mount(disk, SMALL), "");
      try {
        const run = `${disk}/run`;
        const full = await finish(
          startTraining([...SHORT_RUN, "--dir", run]),
        );
        assertEquals(full.code, 2, full.text);
        assertStringIncludes(full.text, "Cannot write");
        assertStringIncludes(full.text, "earlier checkpoints are kept");
        assert(!full.text.includes("    at "), full.text);
        assertEquals(await mount(disk, LARGE, "remount,size"), "");
        const rest = await finish(startTraining(["--resume", run]));
        assertEquals(rest.code, 0, rest.text);
        assertEquals(await outcomeOf(run), await outcomeOf(whole));
      } finally {
        await command("umount", [disk]);
      }
    });
  },
});

Deno.test({
  name: `a cache of decoded images leaves room on its disk${reason}`,
  ignore: reason !== "",
  fn: async () => {
    await withFolder(async (dir) => {
      const disk = `${dir}/disk`, files = `${dir}/files`;
      await Deno.mkdir(disk);
      await Deno.mkdir(files);
      assertEquals(await mount(disk, 8), "");
      try {
        const usage = new CacheUsage(), side = 256;
        const decode = cachedDecode(() =>
          Promise.resolve({
            width: side,
            height: side,
            data: new Uint8Array(3 * side * side),
          }), { dir: disk, side, usage: usage.buffer });
        for (let i = 0; i < 64; i++) {
          await Deno.writeTextFile(`${files}/${i}`, "x");
          await decode(`${files}/${i}`);
        }
        assertStringIncludes(usage.takeReason()!, "its disk is nearly full");
        const { bavail, bsize } = statfsSync(disk);
        const free = bavail * bsize / 2 ** 20;
        assert(free > 3.5 && free < 4.5, `${free} MB are free`);
      } finally {
        await command("umount", [disk]);
      }
    });
  },
});
