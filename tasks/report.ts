/**
 * `deno task report`: writes an HTML report on one or more runs.
 *
 * @module
 */
import type { EngineChoice } from "../src/engine/engine.ts";
import { EmpSslError } from "../src/common/errors.ts";
import { writeReport } from "../src/report/report.ts";
import { readRun } from "../src/report/run_record.ts";
import type { Command, Values } from "./cli/flags.ts";
import { ENGINE_FLAG, main, setUpEngine } from "./cli/main.ts";

/** The command line of `deno task report`. */
export const command: Command = {
  usage: "deno task report RUN [RUN …] [flags]",
  about:
    "Writes a self-contained HTML file about some runs, and each figure as " +
    "an SVG file.",
  flags: {
    out: {
      type: "text",
      value: "FILE",
      help: "default report.html in the first run's folder",
    },
    "no-gallery": {
      type: "switch",
      help: "leave out the map and the nearest neighbours of test images",
    },
    engine: ENGINE_FLAG,
  },
  arguments: true,
  examples: [
    "deno task report runs/cifar10-1",
    "deno task report runs/a runs/b --out compared.html",
  ],
};

/** See the module's description. */
export async function run(values: Values, runs: string[]): Promise<void> {
  if (runs.length === 0) {
    throw new EmpSslError({
      action: "report on",
      subject: "nothing",
      found: "no run was named",
      remedy: "name the folders of one or more runs",
      code: "INVALID_ARGUMENT",
    });
  }
  runs.forEach(readRun);
  const engine = (values.engine ?? "auto") as EngineChoice;
  const gallery = values["no-gallery"] !== true;
  if (gallery) await setUpEngine({ engine });
  const { out, figures, missing } = await writeReport({
    runs,
    out: values.out as string | undefined,
    gallery,
    engine,
  });
  for (const what of missing) console.error(`Left out of the report: ${what}`);
  console.log(`${out}, and ${figures.length} figures as SVG beside it`);
}

if (import.meta.main) await main(command, run);
