/**
 * `deno task setup`: sets the engine up, or says what there is.
 *
 * @module
 */
import type { Variant } from "../src/engine/tensorflow/variant.ts";
import { startCompute } from "../src/train/compute.ts";
import type { Command } from "./cli/flags.ts";
import { main, setUpEngine } from "./cli/main.ts";

const command: Command = {
  usage: "deno task setup [--check] [--variant cpu|gpu]",
  about:
    "Sets up TensorFlow for this project, once for each user. Run again, " +
    "it finds all in place and does nothing.",
  flags: {
    check: {
      type: "switch",
      help: "only say what would be used; exit code 2 if nothing can run",
    },
    variant: {
      type: "text",
      help: "TensorFlow for the processor or with CUDA (default: what is here)",
      choices: ["cpu", "gpu"],
    },
  },
  examples: ["deno task setup", "deno task setup --check"],
};

if (import.meta.main) {
  await main(command, async (values) => {
    if (!values.check) {
      await setUpEngine(values.variant as Variant | undefined);
    }
    const compute = await startCompute("auto");
    compute.close();
    const { engine, version, device, precision, binding } = compute.report;
    console.log(`engine     ${engine} ${version}`);
    console.log(`device     ${device}`);
    console.log(`precision  ${precision}`);
    console.log(`binding    ${binding}`);
  });
}
