/** Runs the tasks as separate processes. */
import { installedLibraries } from "../src/engine/setup/locate.ts";

/** The outcome of a task. */
export interface Outcome {
  /** Its exit code. */
  code: number;
  /** Its standard output. */
  out: string;
  /** Its standard error. */
  err: string;
}

const FOLDERS: Record<string, string> = {
  abort_case: "../tests",
  close_case: "../tests",
  export_case: "../tests",
  progressive_case: "../tests",
  encode: "../examples",
  patch_stream: "../examples",
  embed_image: "../examples",
};

const { tasks }: { tasks: Record<string, { command: string }> } = JSON.parse(
  await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
);

/** A task's permissions in deno.json; other programs have those of `train`. */
export function permissionsOf(name: string): string[] {
  const { command } = tasks[name] ?? tasks.train!;
  return command.split(" ").filter((word) => word.startsWith("--allow-"));
}

/** Runs `tasks/<name>.ts`, or the program in `FOLDERS`, with its permissions. */
export async function runTask(
  name: string,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<Outcome> {
  const file = `${FOLDERS[name] ?? "../tasks"}/${name}.ts`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      ...permissionsOf(name),
      new URL(file, import.meta.url).pathname,
      ...args,
    ],
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** Whether the tasks have TensorFlow, by `setup --check`. */
export async function engineForTasks(): Promise<
  { ignore: boolean; reason: string }
> {
  const { code, out, err } = await runTask("setup", ["--check"]);
  const isInstalled = (await installedLibraries(["gpu", "cpu"])).length > 0;
  if (isInstalled && !out.includes("tensorflow")) {
    throw new Error(`TensorFlow is installed and does not work: ${out}${err}`);
  }
  return code === 0 && out.includes("tensorflow")
    ? { ignore: false, reason: "" }
    : {
      ignore: true,
      reason: ` (skipped: ${err.trim() || "TensorFlow is not set up"})`,
    };
}
