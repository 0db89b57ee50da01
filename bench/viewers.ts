/**
 * `deno task bench:viewers`: how much twenty viewers of the live page, one of which
 * reads nothing, slow down the training.
 *
 * 2026-11-25, AMD EPYC (Zen 4), 2 cores, 100 × 10 patches, seconds per step:
 *
 *     viewers/step  3.097 against 3.114 without viewers, ratio 1.005, n 15,
 *       spread 100 % (of single steps; the median of fewer steps varies by 6 %)
 *
 * @module
 */
import type { Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { JSON_FLAG, REPEAT_FLAG } from "./flags.ts";
import { deviceName, median, print, round, spread } from "./measurement.ts";

const VIEWERS = 20, PORT = 4693;
/** Counted steps with viewers, then as many without. */
const PHASE = 3;

const command: Command = {
  usage: "deno task bench:viewers [flags]",
  about:
    "Trains with the live page, in turn with twenty viewers and with none," +
    " and\ncompares the seconds from step to step.",
  flags: {
    images: { type: "number", help: "images a step (default 100)" },
    patches: { type: "number", help: "patches an image (default 10)" },
    repeat: REPEAT_FLAG,
    json: JSON_FLAG,
  },
  examples: ["deno task bench:viewers --json"],
};

/** Connects viewers that read as browsers do, and one that never reads. */
async function connect(): Promise<() => void> {
  const controller = new AbortController();
  const { signal } = controller;
  const first = { hostname: "127.0.0.1", port: PORT };
  const stopped = await Deno.connect(first);
  const request = `GET /events HTTP/1.1\r\nHost: 127.0.0.1:${PORT}\r\n\r\n`;
  await stopped.write(new TextEncoder().encode(request));
  for (let i = 1; i < VIEWERS; i++) {
    const url = `http://127.0.0.1:${PORT}/events`;
    const { body } = await fetch(url, { signal });
    (async () => {
      for await (const _ of body!) {
        // A browser would draw the event.
      }
    })().catch(() => {});
  }
  return () => {
    controller.abort();
    stopped.close();
  };
}

async function measure(
  { images, patches, n }: { images: number; patches: number; n: number },
) {
  const dir = Deno.makeTempDirSync({ prefix: "emp-ssl-bench-" });
  const task = new URL("../tasks/train.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "--allow-all", task, "--dir", `${dir}/run`],
      ...["--bs", `${images}`, "--num-patches", `${patches}`],
      ...["--epoch", "1000", "--dashboard", `${PORT}`],
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const seen: Record<"with" | "without", number[]> = { with: [], without: [] };
  let disconnect: (() => void) | undefined;
  try {
    let lines = 0, last = 0;
    while (seen.with.length < n * PHASE || seen.without.length < n * PHASE) {
      await new Promise((done) => setTimeout(done, 2));
      const text = await Deno.readTextFile(`${dir}/run/metrics.jsonl`)
        .catch(() => "");
      const now = performance.now(), count = text.split("\n").length - 1;
      if (count === lines) continue;
      // The first steps of the run, and the first after each change, are not counted.
      const at = (count - 1) % (PHASE + 1);
      if (count > PHASE && at > 0) {
        seen[disconnect ? "with" : "without"].push((now - last) / 1000);
      }
      lines = count;
      last = now;
      if (count % (PHASE + 1) === 0) {
        disconnect?.();
        disconnect = disconnect ? undefined : await connect();
      }
    }
  } finally {
    disconnect?.();
    child.kill("SIGKILL");
    await child.status;
    Deno.removeSync(dir, { recursive: true });
  }
  return seen;
}

if (import.meta.main) {
  await main(command, async ({ images, patches, repeat, json }) => {
    const setting = {
      images: (images ?? 100) as number,
      patches: (patches ?? 10) as number,
      n: (repeat ?? 3) as number,
    };
    const seen = await measure(setting);
    print({
      name: "viewers/step",
      unit: "s",
      ours: round(median(seen.with)),
      peer: round(median(seen.without)),
      ratio: round(median(seen.without) / median(seen.with)),
      device: deviceName(),
      n: seen.with.length,
      spread: round(spread(seen.with)),
      setting: `${setting.images} × ${setting.patches}, ${VIEWERS} viewers, ` +
        "one of them stopped, against none",
    }, json === true);
  });
}
