/**
 * `deno task bench:gpu`: all measurements on a GPU, in under eight minutes: the step in
 * each number format, with and without XLA, against PyTorch on the same card; its time
 * by kind of kernel; its stem with zero-padded input channels; the rate of a patch
 * worker; memory; the losses against those on the CPU.
 *
 * Not measured on a GPU yet. On 2 cores of an AMD EPYC it has been run with `--small`,
 * which leaves out XLA and tf32.
 *
 * @module
 */
import type { Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { JSON_FLAG } from "./flags.ts";
import { kernelTable } from "./kernels.ts";
import { inTurn, LineProcess } from "./line_process.ts";
import {
  deviceName,
  type Measurement,
  median,
  print,
  round,
  spread,
} from "./measurement.ts";
import { describe, programFlags, type Setting } from "./settings.ts";

const command: Command = {
  usage: "deno task bench:gpu [flags]",
  about: "Times the training step on the GPU of this machine: bf16, tf32 and " +
    "fp32, with and\nwithout XLA, against PyTorch on the same card; its memory, its " +
    "kernels, what the\npatch workers feed, and its losses against the processor's.",
  flags: {
    python: {
      type: "text",
      value: "PATH",
      help: "a Python with torch for CUDA (default: no peer)",
    },
    repeat: { type: "number", help: "steps that are timed (default 20)" },
    small: {
      type: "switch",
      help: "tiny batches, on whatever device there is: a trial of the program",
    },
    json: JSON_FLAG,
  },
  examples: ["deno task bench:gpu --python .venv/bin/python"],
};

const SETTINGS: Setting[] = [
  { name: "cifar", arch: "resnet18-cifar", images: 100, patches: 20, size: 32 },
  {
    name: "imagenet",
    arch: "resnet18-imagenet",
    images: 100,
    patches: 20,
    size: 224,
  },
];

/** Warm-up steps: cuDNN chooses its algorithms and XLA compiles in them. */
const WARM = 3;
/** Steps whose losses are compared. */
const LOSSES = 50;
/** Steps whose kernels are timed. */
const TRACED = 3;
const SMALL: Partial<Setting> = { images: 4, patches: 2, size: 32 };

/** Memory in use on the first GPU, in MiB; undefined if nvidia-smi gives none. */
async function gpuMemory(): Promise<number | undefined> {
  try {
    const { stdout } = await new Deno.Command("nvidia-smi", {
      args: ["--query-gpu=memory.used", "--format=csv,noheader,nounits"],
      stderr: "null",
    }).output();
    const used = Number(new TextDecoder().decode(stdout).split("\n")[0]);
    return Number.isFinite(used) ? used : undefined;
  } catch {
    return undefined;
  }
}

/** One kind of step. */
interface Kind {
  setting: Setting;
  precision: string;
  xla: "on" | "off";
}

/** Our step and PyTorch's of one kind, timed in turn. */
async function timed(
  { setting, precision, xla }: Kind,
  { repeat, python }: { repeat: number; python?: string },
): Promise<Measurement[]> {
  const flags = [...programFlags(setting), "--precision", precision];
  const own = LineProcess.ours("step.ts", [...flags, "--xla", xla]);
  const peer = python
    ? LineProcess.peer(python, "pytorch_step.py", [...flags, "--strong"])
    : undefined;
  try {
    const kinds = [await own.line(), await peer?.line()];
    for (let i = 1; i < WARM; i++) {
      await own.ask();
      await peer?.ask();
    }
    const [ours = [], theirs = []] = await inTurn([own, peer], repeat);
    const memory = await gpuMemory();
    const [mine, other] = [ours, theirs].map((all) => all.map(([s]) => s!));
    const count = setting.images * setting.patches;
    const common = {
      device: deviceName(),
      setting: `${describe(setting)}, ${kinds.filter(Boolean).join(", ")}`,
    };
    const name = `${precision}${xla === "on" ? "+xla" : ""}`;
    const rate = (seconds: number[]) => round(count / median(seconds));
    return [
      {
        ...common,
        name: `gpu/step/${name}`,
        unit: "patches/s",
        ours: rate(mine!),
        peer: peer ? rate(other!) : null,
        ratio: peer ? round(median(other!) / median(mine!)) : null,
        n: repeat,
        spread: round(spread(mine!)),
      },
      ...memory === undefined ? [] : [{
        ...common,
        name: `gpu/memory/${name}`,
        unit: "MiB, of all programs",
        ours: memory,
        peer: null,
        ratio: null,
        n: 1,
        spread: 0,
      }],
    ];
  } finally {
    await own.close();
    await peer?.close();
  }
}

/** The stem's convolution with three input channels, and with zero-padded channels. */
async function stem(
  setting: Setting,
  precision: string,
): Promise<Measurement> {
  const program = LineProcess.ours("step.ts", [
    ...programFlags(setting),
    ...["--precision", precision, "--only", "stem"],
  ]);
  try {
    const name = await program.line();
    const [own, filled] = await program.ask();
    return {
      name: `gpu/stem/${precision}`,
      unit: "ms filled up, against 3 channels",
      ours: round(1000 * filled!),
      peer: round(1000 * own!),
      ratio: round(own! / filled!),
      device: deviceName(),
      setting: `${describe(setting)}, ${name}`,
      n: 5,
      spread: 0,
    };
  } finally {
    await program.close();
  }
}

/** The losses of some steps, computed in a separate process. */
async function lossesOf(
  setting: Setting,
  precision: string,
  env?: Record<string, string>,
): Promise<number[]> {
  const program = LineProcess.ours(
    "step.ts",
    [
      ...programFlags(setting),
      ...["--precision", precision, "--losses", `${LOSSES}`],
    ],
    env,
  );
  try {
    await program.line();
    return await program.ask();
  } finally {
    await program.close();
  }
}

/** The largest relative difference of the losses from those on the CPU in fp32. */
async function againstProcessor(
  precisions: string[],
): Promise<Measurement[]> {
  const setting = { ...SETTINGS[0]!, images: 8, patches: 4 };
  const wanted = await lossesOf(setting, "fp32", { CUDA_VISIBLE_DEVICES: "" });
  const found: Measurement[] = [];
  for (const precision of precisions) {
    const losses = await lossesOf(setting, precision);
    const off = losses.map((loss, i) => Math.abs(loss / wanted[i]! - 1));
    found.push({
      name: `gpu/losses/${precision}`,
      unit: "off the processor's",
      ours: round(Math.max(...off)),
      peer: null,
      ratio: null,
      device: deviceName(),
      setting: `${describe(setting)}, ${LOSSES} steps`,
      n: 1,
      spread: 0,
    });
  }
  return found;
}

/** Patches that are cut per measurement. */
const CUT = 20_000;

/** Patches per second of one worker; all workers together feed the GPU. */
async function fed(): Promise<Measurement> {
  const program = LineProcess.ours("patches.ts", []);
  try {
    await program.line();
    const answers: number[] = [];
    for (let i = 0; i < 4; i++) {
      answers.push((await program.ask(`cifar ${CUT}`))[0]!);
    }
    const workers = Math.max(1, navigator.hardwareConcurrency - 1);
    return {
      name: "gpu/fed",
      unit: "patches/s of one worker",
      ours: round(CUT / median(answers.slice(1))),
      peer: null,
      ratio: null,
      device: deviceName(),
      setting: `cifar recipe; ${workers} workers feed a GPU here`,
      n: 3,
      spread: round(spread(answers.slice(1))),
    };
  } finally {
    await program.close();
  }
}

if (import.meta.main) {
  await main(command, async ({ python, repeat, small, json }) => {
    const show = (m: Measurement) => print(m, json === true);
    const settings = small ? [{ ...SETTINGS[0]!, ...SMALL }] : SETTINGS;
    const precisions = small ? ["fp32", "bf16"] : ["bf16", "tf32", "fp32"];
    const options = {
      repeat: (repeat ?? (small ? 3 : 20)) as number,
      python: python as string | undefined,
    };
    for (const setting of settings) {
      const choices = small ? ["off"] as const : ["off", "on"] as const;
      for (const precision of precisions) {
        for (const xla of choices) {
          const kind = { setting, precision, xla };
          (await timed(kind, options)).forEach(show);
        }
      }
      for (const precision of precisions) show(await stem(setting, precision));
      for (const xla of choices) {
        const kind = { setting, precision: "bf16", xla, repeat: TRACED };
        (await kernelTable(kind)).forEach(show);
      }
    }
    show(await fed());
    (await againstProcessor(precisions)).forEach(show);
  });
}
