/** Runs the tasks as programs of their own. */

/** What a task left. */
export interface Outcome {
  /** Its exit code. */
  code: number;
  /** What it printed. */
  out: string;
  /** What it complained of. */
  err: string;
}

const FOLDERS: Record<string, string> = {
  export_case: "../tests",
  encode: "../examples",
  embed_image: "../examples",
};

const { tasks }: { tasks: Record<string, { command: string }> } = JSON.parse(
  await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
);

/** The permissions that deno.json gives a task; those of `train` to examples. */
export function permissionsOf(name: string): string[] {
  const { command } = tasks[name] ?? tasks.train!;
  return command.split(" ").filter((word) => word.startsWith("--allow-"));
}

/** Runs `tasks/<name>.ts` with the permissions that deno.json gives it. */
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

/** Whether the tasks have TensorFlow; asked of `setup --check`. */
export async function engineForTasks(): Promise<
  { ignore: boolean; reason: string }
> {
  const { code, out, err } = await runTask("setup", ["--check"]);
  return code === 0 && out.includes("tensorflow")
    ? { ignore: false, reason: "" }
    : {
      ignore: true,
      reason: ` (skipped: ${err.trim() || "TensorFlow is not set up"})`,
    };
}
