/**
 * A run in a pseudo-terminal, started through `deno task`: Ctrl-C ends it with a
 * checkpoint each time, and no line is wider than the terminal.
 */
import { assert, assertEquals } from "@std/assert";
import { withFolder } from "../images.ts";

const TRIES = 6;
const root = new URL("../../", import.meta.url).pathname;

interface Seen {
  code: number;
  typed: boolean;
  widest: number;
  drawn: number;
  text: string;
}

async function inTerminal(
  columns: number,
  text: string,
  command: string[],
): Promise<Seen> {
  const { stdout, stderr } = await new Deno.Command("python3", {
    args: [
      new URL("./terminal.py", import.meta.url).pathname,
      ...[`${columns}`, text, ...command],
    ],
    cwd: root,
  }).output();
  const decoder = new TextDecoder();
  try {
    return JSON.parse(decoder.decode(stdout));
  } catch {
    throw new Error(decoder.decode(stderr));
  }
}

for (let i = 0; i < TRIES; i++) {
  const columns = [80, 120][i % 2];
  Deno.test(`Ctrl-C through deno task leaves a checkpoint, try ${i + 1}`, async () => {
    await withFolder(async (dir) => {
      const run = `${dir}/run`;
      const seen = await inTerminal(columns, "/40 · ", [
        ...[Deno.execPath(), "task", "train", "--dir", run],
        ...["--limit-images", "400", "--bs", "10", "--num-patches", "4"],
      ]);
      assert(seen.typed && seen.drawn > 0, seen.text);
      assert(seen.widest < columns, `${seen.widest} of ${columns}`);
      const names = [...Deno.readDirSync(run)].map(({ name }) => name);
      assert(names.some((n) => /^checkpoint-.*\.json$/.test(n)), seen.text);
      assertEquals(seen.text.includes("Resume with"), true, seen.text);
    });
  });
}
