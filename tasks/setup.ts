/**
 * `deno task setup`: sets up TensorFlow, or with `--check` only shows the engine that
 * would be used.
 *
 * @module
 */
import { errorMaker } from "../src/common/errors.ts";
import type { Variant } from "../src/engine/setup/wheels.ts";
import { startCompute } from "../src/engine/compute.ts";
import { cudaLibraries } from "../src/engine/tensorflow/cuda.ts";
import type { Command, Values } from "./cli/flags.ts";
import { main, setUpEngine } from "./cli/main.ts";

const setUpError = errorMaker("set up with", "INVALID_ARGUMENT");

/** The command line of `deno task setup`. */
export const command: Command = {
  usage: "deno task setup [--check] [--variant cpu|gpu]",
  about:
    "Sets up TensorFlow for this project, once for each user. Run again, " +
    "it finds all in place and does nothing.",
  flags: {
    check: {
      type: "switch",
      help: "only say what would be used",
    },
    variant: {
      type: "text",
      help:
        "TensorFlow for the processor or with CUDA, for all later tasks too " +
        "(default: as detected)",
      choices: ["cpu", "gpu"],
    },
  },
  examples: ["deno task setup", "deno task setup --check"],
};

/** See the module's description. */
export async function run(values: Values): Promise<void> {
  if (values.check && values.variant !== undefined) {
    throw setUpError(
      `--check with --variant ${values.variant}`,
      "a check is of what training would use",
      "leave --variant out",
    );
  }
  if (!values.check) {
    await setUpEngine({
      engine: "tensorflow",
      variant: values.variant as Variant | undefined,
    });
  }
  const compute = await startCompute({
    engine: "auto",
    precision: "auto",
  });
  await compute.close();
  const { engine, version, device, precision, library } = compute.report;
  const { deviceName = device, warning } = compute.report;
  console.log(`engine     ${engine} ${version}`);
  console.log(`device     ${deviceName}`);
  console.log(`precision  ${precision}`);
  if (library) console.log(`library    ${library}`);
  if (warning) console.log(`warning    ${warning}`);
  if (library?.includes("-gpu-")) {
    for (const { what, file, version, fault } of cudaLibraries(library)) {
      const found = fault ?? [version, file].filter((part) => part).join(", ");
      console.log(`${what.padEnd(12)} ${found}`);
    }
  }
}

if (import.meta.main) await main(command, run);
