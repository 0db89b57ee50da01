/**
 * `deno task fuzz`: reads damaged and hostile files for a given time, and stops at the
 * first error that is not an `EmpSslError`, hang, or growth of memory.
 *
 * @module
 */
import { mutate } from "../fuzz/mutate.ts";
import { TARGETS } from "../fuzz/targets.ts";
import { EmpSslError, isEmpSslError, messageOf } from "../src/common/errors.ts";
import { Purpose, RandomStream } from "../src/common/random.ts";
import type { Command } from "./cli/flags.ts";
import { main } from "./cli/main.ts";
import { Progress } from "./cli/progress.ts";

const command: Command = {
  usage: "deno task fuzz [flags]",
  about: "Feeds every reader with damaged files made from fuzz/corpus, and " +
    "ends with\nexit code 2 at an error that is not ours, a file that takes " +
    "ten seconds, or\nmemory that grows.",
  flags: {
    only: { type: "text", choices: Object.keys(TARGETS), help: "one reader" },
    seconds: { type: "number", help: "for each reader (default 10)" },
    seed: { type: "number", help: "another seed, other files (default 0)" },
  },
  examples: ["deno task fuzz --seconds 600"],
};

/** Limits: milliseconds for one file, and bytes by which a reader's memory may grow. */
const HANG_MS = 10_000, GROWTH = 1e9;

function found(name: string, path: string, what: string): EmpSslError {
  return new EmpSslError({
    action: "accept",
    subject: `the reader ${name}`,
    found: `${what} for ${path}`,
    remedy: "fix the reader and keep the file in fuzz/corpus",
    code: "INVALID_DATA",
  });
}

async function fuzz(name: string, seconds: number, seed: number) {
  const { seed: file, read } = TARGETS[name];
  const good = Deno.readFileSync(
    new URL(`../fuzz/corpus/${file}`, import.meta.url),
  );
  const random = new RandomStream({ seed, purpose: Purpose.probe, at: [] });
  const progress = new Progress(`fuzz ${name}`, seconds);
  const begin = performance.now(), memory = Deno.memoryUsage().rss;
  let files = 0, refused = 0;
  for (;;) {
    const passed = (performance.now() - begin) / 1000;
    progress.update(Math.min(seconds, passed), `${files} files`);
    if (passed >= seconds) break;
    const dir = Deno.makeTempDirSync({ prefix: "emp-ssl-fuzz-" });
    const bytes = mutate(good, random);
    const keep = () => {
      const path = `fuzz-${name}-${seed}-${files}`;
      Deno.writeFileSync(path, bytes);
      return path;
    };
    const start = performance.now();
    try {
      await read(bytes, dir);
    } catch (error) {
      refused++;
      if (!isEmpSslError(error)) throw found(name, keep(), messageOf(error));
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
    const taken = performance.now() - start;
    if (taken > HANG_MS) throw found(name, keep(), `${taken} ms`);
    const grown = Deno.memoryUsage().rss - memory;
    if (grown > GROWTH) throw found(name, keep(), `${grown} bytes of memory`);
    files++;
  }
  progress.finish();
  console.log(`${name}: ${files} files, ${refused} refused, all in order`);
}

if (import.meta.main) {
  await main(command, async ({ only, seconds, seed }) => {
    for (const name of Object.keys(TARGETS)) {
      if (only !== undefined && only !== name) continue;
      await fuzz(name, (seconds ?? 10) as number, (seed ?? 0) as number);
    }
  });
}
