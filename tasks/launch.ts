/**
 * `deno task launch`: starts the processes of a distributed training, on this machine
 * or over ssh, where there is no scheduler.
 *
 * @module
 */
import {
  gpusNamed,
  gpusOf,
  SHARERS,
  sharersOf,
} from "../src/engine/tensorflow/gpu_share.ts";
import { fromFileUrl, TextLineStream } from "../src/deps/std.ts";
import { errorMaker } from "../src/common/errors.ts";
import type { Command, Values } from "./cli/flags.ts";
import { main, quote } from "./cli/main.ts";
import { ignoresHangUp } from "./cli/signals.ts";

const launchError = errorMaker("launch", "INVALID_ARGUMENT");

/** The command line of `deno task launch`. */
export const command: Command = {
  usage: "deno task launch (--local N | --hosts HOST,…) [flags] -- train …",
  about:
    "Starts the processes of one training and shows what they print, each" +
    " line with\nits process's number. All end when one does.",
  flags: {
    local: { type: "number", help: "number of processes on this machine" },
    hosts: {
      type: "text",
      value: "HOST,…",
      help: "one process on each, over ssh; the first writes the run's folder",
    },
    port: { type: "number", help: "port of the first process (default 4700)" },
    "remote-dir": {
      type: "text",
      value: "DIR",
      help: "where the project lies on the hosts (default: as here)",
    },
  },
  examples: [
    "deno task launch --local 2 -- train --bs 20",
    "deno task launch --hosts gpu1,gpu2 -- train --data imagenet100 --data-dir /data/imagenet --replicas auto",
  ],
};

const PORT = 4700;

/** The permissions of `deno task train`. */
export const PERMISSIONS: readonly string[] = [
  ...["--allow-read", "--allow-write", "--allow-env", "--allow-sys"],
  ...["--allow-ffi", "--allow-net", "--allow-run=python3"],
];

// `--allow-run` of the task names no programs: else Deno would start none where the
// environment has LD_LIBRARY_PATH or LD_PRELOAD, which the processes may need.

/** How each process is started. */
interface Start {
  program: string;
  args: string[];
  /** Additional environment variables. */
  env?: Record<string, string>;
}

/** The GPUs of this machine: those in CUDA_VISIBLE_DEVICES, or all of the driver's. */
async function gpusHere(): Promise<string[]> {
  const named = Deno.env.get("CUDA_VISIBLE_DEVICES");
  if (named !== undefined) return gpusNamed(named);
  try {
    const { stdout } = await new Deno.Command("nvidia-smi", {
      args: ["--query-gpu=index", "--format=csv,noheader"],
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout).split("\n")
      .map((line) => line.trim()).filter((line) => /^\d+$/.test(line));
  } catch {
    // There is no driver.
    return [];
  }
}

/** N processes on this machine, which share its cores and GPUs. */
async function localStarts(
  count: number,
  port: number,
  train: string[],
): Promise<Start[]> {
  const cluster = Array.from(
    { length: count },
    (_, i) => `127.0.0.1:${port + i}`,
  ).join();
  const threads = Math.max(
    1,
    Math.floor(navigator.hardwareConcurrency / count),
  );
  const own = train.some((word) => /^--threads(=|$)/.test(word))
    ? []
    : ["--threads", `${threads}`];
  const gpus = await gpusHere();
  const envOf = (task: number) => {
    const own = gpusOf(task, { processes: count, gpus });
    // The GPUs are divided here: with Slurm's variable they would be divided again.
    return own === undefined ? undefined : {
      CUDA_VISIBLE_DEVICES: own,
      [SHARERS]: `${sharersOf({ processes: count, gpus })}`,
      SLURM_STEP_TASKS_PER_NODE: "",
    };
  };
  const module = new URL("./train.ts", import.meta.url);
  const trainer = module.protocol === "file:"
    ? [fromFileUrl(module)]
    : [`--allow-import=${module.host}`, module.href];
  return Array.from({ length: count }, (_, task) => ({
    program: "deno",
    env: envOf(task),
    args: [
      ...["run", ...PERMISSIONS, ...trainer],
      ...[...train, ...own, "--cluster", cluster, "--task", `${task}`],
    ],
  }));
}

/** One process on each host. */
function remoteStarts(
  hosts: string[],
  dir: string,
  port: number,
  train: string[],
): Start[] {
  // ssh may need user@host; the other processes connect to the host alone.
  const cluster = hosts.map((host) => `${host.split("@").at(-1)}:${port}`)
    .join();
  return hosts.map((host, task) => {
    const words = [...train, "--cluster", cluster, "--task", `${task}`];
    // Lines of their own: a redrawn line would reach this terminal at its end only.
    const run = `cd ${quote(dir)} && TERM=dumb deno task train ${
      words.map(quote).join(" ")
    }`;
    // -tt allocates a terminal, so that an interrupt reaches the remote program.
    return { program: "ssh", args: ["-tt", host, run] };
  });
}

async function startsOf(values: Values, rest: string[]): Promise<Start[]> {
  const [task, ...train] = rest;
  if (task !== "train") {
    throw launchError(
      task ?? "nothing",
      "only train runs in several processes",
      "write `-- train` and its flags after launch's own",
    );
  }
  const { local, hosts } = values;
  const port = (values.port ?? PORT) as number;
  if ((local === undefined) === (hosts === undefined)) {
    throw launchError(
      "a training",
      "exactly one of --local and --hosts is needed",
      "give --local N or --hosts HOST,…",
    );
  }
  if (hosts !== undefined) {
    const dir = (values["remote-dir"] ?? Deno.cwd()) as string;
    const names = String(hosts).split(",").map((host) => host.trim());
    if (names.includes("")) {
      throw launchError(
        `--hosts ${hosts}`,
        "one of its names is empty",
        "give names with commas between them",
      );
    }
    return remoteStarts(names, dir, port, train);
  }
  const count = local as number;
  if (!Number.isInteger(count) || count < 2) {
    throw launchError(
      `--local ${count}`,
      "one process needs no launcher",
      "give a number from 2 up",
    );
  }
  return await localStarts(count, port, train);
}

async function show(
  stream: ReadableStream<Uint8Array>,
  print: (line: string) => void,
): Promise<void> {
  const lines = stream
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new TextLineStream());
  for await (const line of lines) print(line);
}

/** Milliseconds in which the others end by themselves once one has failed. */
const GRACE_MS = 10_000;

/** Runs all processes; returns 0, or the first other exit code by process number. */
async function launch(starts: Start[]): Promise<number> {
  const children = starts.map(({ program, args, env }) =>
    new Deno.Command(program, {
      args,
      env,
      stdin: program === "ssh" ? "piped" : "null",
      // Keeps the terminal's interrupt from the children: it is forwarded below, once.
      detached: true,
      stdout: "piped",
      stderr: "piped",
    }).spawn()
  );
  const living = new Set(children);
  let isInterrupted = false;
  const interrupt = async (signal: Deno.Signal) => {
    isInterrupted = true;
    // Interrupting one process ends all of them.
    const [first] = living;
    try {
      if (starts[0].program !== "ssh") return first?.kill(signal);
      // Ctrl-C: the remote terminal turns it into SIGINT.
      const writer = first.stdin.getWriter();
      await writer.write(Uint8Array.of(3));
      writer.releaseLock();
    } catch {
      // The process has just ended.
    }
  };
  // The others notice by themselves that one has ended, except while they start.
  const endOthers = () => {
    for (const child of living) {
      // A second signal would end process 0 in the middle of its checkpoint.
      if (isInterrupted && child === children[0]) continue;
      try {
        child.kill("SIGTERM");
      } catch {
        // It has just ended.
      }
    }
  };
  // Asked first: with any listener Deno takes back that a signal is ignored.
  const survives = ignoresHangUp();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const told = name === "SIGHUP" ? "SIGTERM" : name;
    Deno.addSignalListener(name, () => {
      if (name === "SIGHUP" && survives) return;
      void interrupt(told);
    });
  }
  const codes = await Promise.all(children.map(async (child, task) => {
    const of = `[${task}] `;
    const [{ code }] = await Promise.all([
      child.status,
      show(child.stdout, (line) => console.log(of + line)),
      show(child.stderr, (line) => console.error(of + line)),
    ]);
    living.delete(child);
    if (code !== 0) setTimeout(endOthers, GRACE_MS);
    return code;
  }));
  return codes.find((code) => code !== 0) ?? 0;
}

/** Starts the processes; the arguments after `--` are passed to `train` unparsed. */
export async function runWith(args: string[]): Promise<void> {
  const [end] = [...args, "--"].flatMap((a, i) => a === "--" ? [i] : []);
  const run = async (values: Values) => {
    const starts = await startsOf(values, args.slice(end + 1));
    Deno.exit(await launch(starts));
  };
  await main(command, run, args.slice(0, end));
}

if (import.meta.main) await runWith(Deno.args);
