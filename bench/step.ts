/**
 * The training step against PyTorch's, the two in turn in one run.
 *
 *     deno task bench --python .venv/bin/python --images 10 --precision fp32
 *
 * Prints a line for each measurement: `{name, unit, ours, peer, ratio, device,
 * n, spread}`; `ours` and `peer` are medians of n steps after a warm-up, and
 * `spread` is the range of ours over its median.
 *
 * 2026-11-24, 2 virtual cores of a Xeon (AVX-512, no AMX), PyTorch 2.15, fp32,
 * 10 × 20 patches, n = 5, spread 2 %: 70.6 against 44.3 patches/s, ratio 1.59.
 *
 * @module
 */
import { loadTensorFlow } from "../src/engine/tensorflow/load.ts";
import type { Precision } from "../src/engine/engine.ts";
import { architecture } from "../src/model/architectures.ts";
import { OPTIMIZER } from "../src/model/lars.ts";
import { initialState, tensorSpecs } from "../src/model/parameters.ts";
import { type Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";

const command: Command = {
  usage: "deno task bench [flags]",
  about: "Times the training step against PyTorch's, the two in turn.",
  flags: {
    python: {
      type: "text",
      value: "PATH",
      help: "a Python with torch and torchvision (default python3)",
    },
    precision: {
      type: "text",
      choices: ["fp32", "bf16"],
      help: "default fp32",
    },
    images: { type: "number", help: "images a step (default 10)" },
    patches: { type: "number", help: "patches an image (default 20)" },
    repeat: { type: "number", help: "steps of each (default 5)" },
    strong: {
      type: "switch",
      help: "let PyTorch use our b×b determinant and torch.compile",
    },
  },
  examples: ["deno task bench --python .venv/bin/python --images 100"],
};

const SIZE = 32;
const WARM_UP = 2;

/** PyTorch in a process of its own: idle but for the step it is asked for. */
class Peer {
  #lines: ReadableStreamDefaultReader<string>;
  #input: WritableStreamDefaultWriter<Uint8Array>;
  #child: Deno.ChildProcess;
  #rest = "";

  constructor(python: string, args: string[]) {
    const script = new URL("peers/pytorch_step.py", import.meta.url).pathname;
    this.#child = new Deno.Command(python, {
      args: [script, ...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.#input = this.#child.stdin.getWriter();
  }

  async line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("the peer ended");
      this.#rest += value;
    }
    const [line, ...rest] = this.#rest.split("\n");
    this.#rest = rest.join("\n");
    return line;
  }

  async step(): Promise<number> {
    await this.#input.write(new TextEncoder().encode("\n"));
    return Number(await this.line());
  }

  close(): void {
    this.#child.kill();
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

if (import.meta.main) {
  await main(command, async (values) => {
    const images = (values.images ?? 10) as number;
    const patches = (values.patches ?? 20) as number;
    const repeat = (values.repeat ?? 5) as number;
    const precision = (values.precision ?? "fp32") as Precision;
    const { model } = architecture("resnet18-cifar");
    const engine = await loadTensorFlow(precision);
    const trainer = await engine.trainer({
      model,
      images,
      patches,
      patchSize: SIZE,
      loss: { patchSim: 200, tcr: 1, eps: 0.2 },
      optimizer: OPTIMIZER,
    }, initialState(tensorSpecs(model), 0));
    const bytes = new Uint8Array(images * patches * SIZE * SIZE * 3);
    bytes.forEach((_, i) => bytes[i] = Math.imul(i, 2654435761) >>> 24);
    const peer = new Peer(String(values.python ?? "python3"), [
      ...["--precision", precision, "--images", `${images}`],
      ...["--patches", `${patches}`, "--size", `${SIZE}`],
      ...(values.strong ? ["--tcr", "gram", "--compile"] : []),
    ]);
    try {
      const version = await peer.line();
      const ours: number[] = [], theirs: number[] = [];
      for (let i = 0; i < WARM_UP + repeat; i++) {
        const begin = performance.now();
        await trainer.step(bytes, 0.3);
        const seconds = (performance.now() - begin) / 1000;
        const other = await peer.step();
        if (i < WARM_UP) continue;
        ours.push(seconds);
        theirs.push(other);
      }
      const count = images * patches;
      const round = (x: number) => Math.round(x * 1000) / 1000;
      console.log(JSON.stringify({
        name: `step/${precision}`,
        unit: "patches/s",
        ours: round(count / median(ours)),
        peer: round(count / median(theirs)),
        ratio: round(median(theirs) / median(ours)),
        device:
          `${engine.report.device}, ${navigator.hardwareConcurrency} cores`,
        n: repeat,
        spread: round(
          (Math.max(...ours) - Math.min(...ours)) / median(ours),
        ),
        setting: `${images} × ${patches}`,
        against: version + (values.strong ? ", gram, compiled" : ""),
      }));
    } finally {
      peer.close();
    }
  });
}
