/**
 * `deno task build`: compiles the patch transforms to WebAssembly.
 * `--check` only checks that the file in the repository is what the source compiles to.
 *
 * @module
 */
import asc from "npm:assemblyscript@0.28.20/asc";
import { EmpSslError } from "../src/common/errors.ts";
import type { Command } from "./cli/flags.ts";
import { main } from "./cli/main.ts";

const folder = new URL("../src/patches/wasm/", import.meta.url);
const binary = new URL("kernels.wasm", folder);

const command: Command = {
  usage: "deno task build [--check]",
  about: "Compiles src/patches/wasm/assembly (AssemblyScript) to kernels.wasm.",
  flags: {
    check: { type: "switch", help: "compare only; exit code 2 if they differ" },
  },
  examples: ["deno task build"],
};

async function compile(): Promise<Uint8Array> {
  let output: Uint8Array | undefined;
  const { error, stderr } = await asc.main([
    "kernels.ts",
    ...["--outFile", "kernels.wasm", "--runtime", "stub"],
    ...[
      "-O3",
      "--noAssert",
      "--enable",
      "simd",
      "--enable",
      "relaxed-simd",
      "--converge",
    ],
  ], {
    readFile(name) {
      try {
        return Deno.readTextFileSync(new URL(`assembly/${name}`, folder));
      } catch {
        // asc looks for each file in several places.
        return null;
      }
    },
    writeFile(name, content) {
      if (name.endsWith(".wasm")) output = content as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error !== null || output === undefined) {
    throw new EmpSslError({
      action: "compile",
      subject: "src/patches/wasm/assembly",
      found: stderr.toString().trim() || String(error),
      remedy: "fix the source",
      code: "INVALID_DATA",
    });
  }
  return output;
}

if (import.meta.main) {
  await main(command, async ({ check }) => {
    const output = await compile();
    if (!check) {
      Deno.writeFileSync(binary, output);
      console.log(`${output.length} bytes`);
      return;
    }
    const kept = Deno.readFileSync(binary);
    if (kept.toBase64() !== output.toBase64()) {
      throw new EmpSslError({
        action: "accept",
        subject: "src/patches/wasm/kernels.wasm",
        found: "the source compiles to something else",
        remedy: "run `deno task build`",
        code: "INVALID_DATA",
      });
    }
  });
}
