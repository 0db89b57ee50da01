/**
 * `deno task bench:images`: time and memory to open a large folder of images, and the
 * rate of decoding, against Pillow and with a cache.
 *
 * 2026-11-25, AMD EPYC (Zen 4), one core of two, Pillow 13.0.0, n 5:
 *
 *     images/start-up  1.28 s for 130,000 files, spread 19 %; 188 MB
 *     images/decode    504 against 595 images/s, ratio 0.85, spread 14 %
 *     images/cached    2,125 against 504 decoded, ratio 4.2, spread 36 %
 *
 * @module
 */
import process from "node:process";
import { openDataset } from "../src/data/open_dataset.ts";
import { indexedSource } from "../src/train/image_index.ts";
import { JSON_FLAG, REPEAT_FLAG } from "./flags.ts";
import type { Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { inTurn, LineProcess } from "./line_process.ts";
import { picture } from "./pictures.ts";
import {
  deviceName,
  type Measurement,
  median,
  print,
  round,
  spread,
} from "./measurement.ts";

const command: Command = {
  usage: "deno task bench:images [flags]",
  about:
    "Opens a generated folder of many JPEG files, 500 × 375 pixels each, " +
    "and decodes\nsome of them: ours and Pillow in turn, then with a cache.",
  flags: {
    files: { type: "number", help: "files in the folder (default 130000)" },
    count: { type: "number", help: "files to decode each time (default 200)" },
    python: {
      type: "text",
      value: "PATH",
      help: "a Python with Pillow (default: no peer)",
    },
    repeat: REPEAT_FLAG,
    json: JSON_FLAG,
  },
  examples: ["deno task bench:images --python .venv/bin/python"],
};

const WIDTH = 500, HEIGHT = 375, CLASSES = 100, DISTINCT = 50;

/** A JPEG file of about 40 kB, as large as that of a photograph. */
async function jpeg(seed: number): Promise<Uint8Array> {
  const image = await picture(seed, [50, 38], [WIDTH, HEIGHT]);
  return await image.jpeg({ quality: 92 }).toBuffer();
}

/** Writes a folder of classes; files with the same picture are hard links. */
async function generate(dir: string, files: number): Promise<void> {
  const pictures: string[] = [];
  Deno.mkdirSync(`${dir}/pictures`, { recursive: true });
  for (let i = 0; i < DISTINCT; i++) {
    pictures.push(`${dir}/pictures/${i}.jpg`);
    Deno.writeFileSync(pictures[i], await jpeg(i));
  }
  for (let c = 0; c < CLASSES; c++) {
    const folder = `${dir}/train/${String(c).padStart(3, "0")}`;
    Deno.mkdirSync(folder, { recursive: true });
    for (let i = c; i < files; i += CLASSES) {
      Deno.linkSync(pictures[i % DISTINCT], `${folder}/${i}.jpg`);
    }
  }
}

async function opening(dir: string, n: number): Promise<Measurement[]> {
  const source = { name: "folder", dir, split: "train" } as const;
  const seconds: number[] = [];
  const before = process.memoryUsage().rss;
  const run = `${dir}/run`;
  Deno.mkdirSync(run);
  let length = 0;
  for (let i = 0; i < n; i++) {
    const begin = performance.now();
    const indexed = await indexedSource(source, { dir: run, goesOn: false });
    length = (await openDataset(indexed)).length;
    seconds.push((performance.now() - begin) / 1000);
  }
  const common = {
    peer: null,
    ratio: null,
    device: deviceName(),
    setting: `${length} files, searched, indexed and opened`,
  };
  return [
    {
      ...common,
      name: "images/start-up",
      unit: "s",
      ours: round(median(seconds)),
      n,
      spread: round(spread(seconds)),
    },
    {
      ...common,
      name: "images/memory",
      unit: "MB",
      ours: round((process.memoryUsage().rss - before) / 1e6),
      n: 1,
      spread: 0,
    },
  ];
}

async function decoding(
  dir: string,
  { n, count, python }: { n: number; count: number; python?: string },
): Promise<Measurement[]> {
  const folder = `${dir}/train/000`;
  const cache = `${dir}/cache`;
  const own = LineProcess.ours("decode.ts", []);
  const cached = LineProcess.ours("decode.ts", ["--cache", cache]);
  const peer = python
    ? LineProcess.peer(python, "pillow_decode.py", [])
    : undefined;
  try {
    const kinds = [await own.line(), await cached.line(), await peer?.line()];
    const line = `${folder} 0 ${count}`;
    // The first answer, which is not counted, fills the cache.
    const answers = await inTurn([own, cached, peer], n, line);
    const [ours, kept, theirs] = answers.map((a) => a.map(([s]) => s));
    const rate = (seconds: number[]) => round(count / median(seconds));
    const measurement = (
      name: string,
      mine: number[],
      other: number[] | undefined,
      setting: string,
    ): Measurement => ({
      name,
      unit: "images/s",
      ours: rate(mine),
      peer: other ? rate(other) : null,
      ratio: other ? round(median(other) / median(mine)) : null,
      device: `${deviceName()}, one of them used`,
      n,
      spread: round(spread(mine)),
      setting,
    });
    return [
      measurement(
        "images/decode",
        ours,
        peer ? theirs : undefined,
        `${WIDTH} × ${HEIGHT} JPEG, ${kinds[2] ?? "no peer"}`,
      ),
      measurement("images/cached", kept, ours, "against decoding"),
    ];
  } finally {
    await own.close();
    await cached.close();
    await peer?.close();
  }
}

if (import.meta.main) {
  await main(command, async ({ files, count, python, repeat, json }) => {
    const n = (repeat ?? 5) as number;
    const show = (m: Measurement) => print(m, json === true);
    const dir = Deno.makeTempDirSync({ prefix: "emp-ssl-bench-" });
    try {
      await generate(dir, (files ?? 130_000) as number);
      (await opening(dir, n)).forEach(show);
      const options = {
        n,
        count: (count ?? 200) as number,
        python: python as string | undefined,
      };
      (await decoding(dir, options)).forEach(show);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}
