/** All tasks as one program, and the files that would be published. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { completions } from "../tasks/cli/completions.ts";
import { command as train } from "../tasks/cli/train_flags.ts";

const ROOT = new URL("..", import.meta.url).pathname;

async function run(args: string[], program = [`${ROOT}cli.ts`]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...["run", "--no-check", "-A"], ...program, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("emp-ssl names its tasks, and itself in their help", async () => {
  const { code, out } = await run([]);
  assertEquals(code, 0);
  for (const task of ["train", "evaluate", "embed", "export", "setup"]) {
    assertStringIncludes(out, `\n  ${task.padEnd(12)}`);
  }
  const help = await run(["train", "-h"]);
  assertStringIncludes(help.out, "Usage: emp-ssl train [flags]");
  assert(!help.out.includes("deno task"));
  const version = await run(["--version"]);
  assert(/^emp-ssl \d+\.\d+\.\d+\n$/.test(version.out), version.out);
});

Deno.test("emp-ssl refuses what is no task, and what a task refuses", async () => {
  const wrong = await run(["trian"]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, 'Cannot run "trian": there is no such task');
  assertStringIncludes(wrong.err, "did you mean train");
  const flag = await run(["train", "--epoc", "1"]);
  assertEquals(flag.code, 2);
  assertStringIncludes(flag.err, "did you mean --epoch");
  const shell = await run(["completions", "tcsh"]);
  assertEquals(shell.code, 2);
  assertStringIncludes(shell.err, "name one of bash, zsh, fish");
});

Deno.test("bash completes tasks, flags and what they may be", async () => {
  const script = completions("bash", { program: "p", commands: { train } });
  const complete = async (...words: string[]) => {
    const quoted = words.map((word) => `"${word}"`).join(" ");
    const { stdout } = await new Deno.Command("bash", {
      args: [
        "-c",
        `${script}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}\n` +
        '_p; echo "${COMPREPLY[@]}"',
      ],
    }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  assertEquals(await complete("p", "tr"), "train");
  assertEquals(await complete("p", "train", "--lars"), "--lars-clip");
  assertEquals(await complete("p", "train", "--precision", "b"), "bf16");
  const fish = completions("fish", { program: "p", commands: { train } });
  assertStringIncludes(fish, "-l precision -d ");
});

Deno.test("what is published has no test, fixture, bench or fuzz", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stderr);
  assertEquals(code, 0, text);
  const files = [...text.matchAll(/file:\/\/(\S+)/g)]
    .map(([, path]) => path.replace(ROOT, ""));
  for (const file of ["mod.ts", "cli.ts", "workers/patch_worker.ts"]) {
    assert(files.includes(file), file);
  }
  const unwanted = files.filter((file) =>
    /^(tests|fixtures|fuzz|bench|\.ci|docs)\//.test(file) ||
    file.includes("assembly")
  );
  assertEquals(unwanted, []);
});
