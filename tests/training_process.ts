/** Training in a separate process, which a test may kill. */
import { createHash } from "node:crypto";

/**
 * Flags of a short run that is bitwise reproducible. Its steps take long enough for a
 * test to interrupt it, and its head is small: its checkpoints have 100 MB, not 280.
 */
export const SHORT_RUN = [
  ...["--limit-images", "16", "--bs", "4", "--num-patches", "2"],
  ...["--model", '{"hidden": 1024, "embedding": 256}'],
  ...["--patch-size", "8", "--epoch", "3", "--precision", "fp32"],
  ...["--engine", "tensorflow", "--threads", "1", "--save-every", "3"],
];

/**
 * Starts `deno task train` with the permissions of deno.json.
 *
 * @param before A program that starts Deno, and that program's arguments.
 */
export function startTraining(
  args: string[],
  before: string[] = [],
): Deno.ChildProcess {
  const [program, ...words] = [...before, Deno.execPath()];
  return new Deno.Command(program, {
    args: [
      ...words,
      ...["run", "--no-check", "--allow-read", "--allow-write", "--allow-env"],
      ...["--allow-sys", "--allow-ffi", "--allow-net"],
      "--allow-run=python3",
      new URL("../tasks/train.ts", import.meta.url).pathname,
      ...args,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Waits for the end; returns the exit code and all that was printed. */
export async function finish(
  child: Deno.ChildProcess,
): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await child.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, text: decode(stdout) + decode(stderr) };
}

/** Waits until a run has written a number of lines of metrics, or has ended. */
export async function reached(
  dir: string,
  lines: number,
  child: Deno.ChildProcess,
): Promise<void> {
  let ended = false;
  child.status.then(() => ended = true);
  while (!ended) {
    const text = await Deno.readTextFile(`${dir}/metrics.jsonl`)
      .catch(() => "");
    if (text.split("\n").length > lines) return;
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** The digest of the last model of a run, and the losses of its steps. */
export async function outcomeOf(
  dir: string,
  steps = 12,
): Promise<{ model: string; losses: number[] }> {
  const name = `checkpoint-${String(steps).padStart(8, "0")}.safetensors`;
  const file = await Deno.readFile(`${dir}/${name}`);
  // Without the header, whose configuration names the run's folder.
  const head = Number(new DataView(file.buffer).getBigUint64(0, true));
  const tensors = file.subarray(8 + head);
  const text = await Deno.readTextFile(`${dir}/metrics.jsonl`);
  const lines = text.trim().split("\n").map((line) => JSON.parse(line));
  return {
    model: createHash("sha256").update(tensors).digest("hex"),
    losses: lines.map((line) => line.loss),
  };
}
