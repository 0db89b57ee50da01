/**
 * `deno task bench:shards`: small images in tar shards, in Parquet and as single files:
 * time to open them, rate of reading in the order of an epoch, and memory; against
 * webdataset's own reader.
 *
 * 2026-11-29, AMD EPYC (Zen 5), one core of two, 100,000 PNG images of 32 × 32,
 * webdataset 1.0.2 with a buffer of 5,000 samples, n 5:
 *
 *     tar shards   open 1.9 s, 122 MB, 2,052 images/s in random order, spread 19 %
 *     Parquet      open 0.2 s, 297 MB, 1,974 images/s in random blocks, spread 18 %
 *     files        open 0.6 s, 128 MB, 1,847 images/s in random order, spread 19 %
 *     webdataset   562 MB, 8,547 images/s, spread 45 %: ours reads at 0.24 of its rate
 *
 * sharp takes 0.6 ms per image, however small: 0.15 for the header, 0.4 for the round
 * trip through its threads. A worker cuts 20 patches from such an image in 0.3 ms.
 *
 * @module
 */
import { packTar } from "npm:modern-tar@0.8.6";
import type { Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { fileWriter, parquetWriteRows } from "../src/deps/parquet.ts";
import { JSON_FLAG, REPEAT_FLAG } from "./flags.ts";
import { inTurn, LineProcess } from "./line_process.ts";
import { picture } from "./pictures.ts";
import { deviceName, median, print, round, spread } from "./measurement.ts";

const command: Command = {
  usage: "deno task bench:shards [flags]",
  about:
    "Writes PNG images of 32 × 32 pixels in 20 tar shards, in 20 Parquet " +
    "files and as\nfiles, and reads some of each in turn, on one core.",
  flags: {
    images: { type: "number", help: "images in all (default 100000)" },
    count: { type: "number", help: "images to read each time (default 2000)" },
    python: {
      type: "text",
      value: "PATH",
      help: "a Python with webdataset (default: no peer)",
    },
    repeat: REPEAT_FLAG,
    json: JSON_FLAG,
  },
  examples: ["deno task bench:shards --python .venv/bin/python"],
};

const SHARDS = 20, CLASSES = 10, DISTINCT = 500, GROUP = 500;

async function png(seed: number): Promise<Uint8Array> {
  return await (await picture(seed, [8, 8], [32, 32])).png().toBuffer();
}

/** Writes the same images in three formats. */
async function generate(dir: string, images: number): Promise<void> {
  const pictures = await Promise.all(
    Array.from({ length: DISTINCT }, (_, i) => png(i)),
  );
  for (const kind of ["webdataset", "parquet", "folder"]) {
    Deno.mkdirSync(`${dir}/${kind}`);
  }
  for (let c = 0; c < CLASSES; c++) {
    Deno.mkdirSync(`${dir}/folder/train/${c}`, { recursive: true });
  }
  const each = images / SHARDS;
  for (let shard = 0; shard < SHARDS; shard++) {
    const rows = Array.from({ length: each }, (_, i) => {
      const index = shard * each + i;
      const bytes = pictures[index % DISTINCT]!;
      return {
        key: `${index}`.padStart(7, "0"),
        label: index % CLASSES,
        bytes,
      };
    });
    const name = `train-${String(shard).padStart(4, "0")}`;
    const encoder = new TextEncoder();
    const entry = (name: string, body: Uint8Array) => ({
      header: { name, size: body.length, type: "file" as const },
      body,
    });
    const tar = rows.flatMap(({ key, label, bytes }) => [
      entry(`${key}.png`, bytes),
      entry(`${key}.cls`, encoder.encode(`${label}`)),
    ]);
    Deno.writeFileSync(`${dir}/webdataset/${name}.tar`, await packTar(tar));
    const writer = fileWriter(`${dir}/parquet/${name}.parquet`);
    parquetWriteRows({
      writer,
      rows: rows.map(({ bytes: image, label }) => ({ image, label })),
      schema: [
        { name: "root", num_children: 2 },
        { name: "image", type: "BYTE_ARRAY", repetition_type: "REQUIRED" },
        { name: "label", type: "INT32", repetition_type: "REQUIRED" },
      ],
      columns: [{ name: "image" }, { name: "label" }],
      rowGroupSize: GROUP,
    });
    for (const { key, label, bytes } of rows) {
      Deno.writeFileSync(`${dir}/folder/train/${label}/${key}.png`, bytes);
    }
  }
}

if (import.meta.main) {
  await main(command, async ({ images, count, python, repeat, json }) => {
    const all = (images ?? 100_000) as number, n = (repeat ?? 5) as number;
    const dir = Deno.makeTempDirSync({ prefix: "emp-ssl-bench-" });
    try {
      await generate(dir, all);
      const names = ["webdataset", "parquet", "folder"];
      const programs = names.map((name) =>
        LineProcess.ours("read_data.ts", [name, `${dir}/${name}`])
      );
      if (python) {
        const script = "webdataset_read.py", folder = `${dir}/webdataset`;
        programs.push(LineProcess.peer(String(python), script, [folder]));
        names.push("webdataset's reader");
      }
      const starts: number[] = [];
      for (const program of programs) starts.push(Number(await program.line()));
      const read = (count ?? 2000) as number;
      const answers = await inTurn(programs, n, `${read}`);
      const theirs = python ? answers.at(-1)!.map(([s]) => s!) : undefined;
      for (const [i, name] of names.entries()) {
        const mine = answers[i]!.map(([seconds]) => seconds!);
        const common = { device: deviceName(), peer: null, ratio: null };
        const setting = `${name}, ${all} images of 32 × 32`;
        const show = (name: string, ours: number, unit: string) =>
          print(
            {
              ...common,
              name,
              ours: round(ours),
              unit,
              setting,
              n: 1,
              spread: 0,
            },
            json === true,
          );
        show("shards/open", starts[i]!, "s");
        show("shards/memory", answers[i]!.at(-1)![1]!, "MB");
        print({
          ...common,
          name: "shards/read",
          ours: round(read / median(mine)),
          unit: "images/s",
          peer: theirs && i < 3 ? round(read / median(theirs)) : null,
          ratio: theirs && i < 3 ? round(median(theirs) / median(mine)) : null,
          setting,
          n,
          spread: round(spread(mine)),
        }, json === true);
      }
      for (const program of programs) await program.close();
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}
