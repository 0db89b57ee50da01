/**
 * One self-contained HTML file about some runs.
 *
 * @module
 */
import { type CallOptions, untilAborted } from "../common/call_options.ts";
import { checkNames, type NamesOf } from "../common/choice_names.ts";
import { removeIfPossible } from "../common/files.ts";
import type { EngineChoice } from "../engine/engine.ts";
import { errorMaker, messageOf } from "../common/errors.ts";
import { checkOutputFile } from "../evaluate/write_features.ts";
import { writeAtomically } from "../common/atomic_file.ts";
import { signsOf } from "./correlation.ts";
import { escape, figureHtml, grid, imageHtml, table } from "./html.ts";
import { readRuns } from "./run_record.ts";
import {
  bookTable,
  evaluations,
  legend,
  methods,
  numbers,
  patchSheet,
  published,
} from "./sections.ts";
import { sensitivities } from "./sensitivity.ts";
import palette from "../style/palette.css" with { type: "text" };
import style from "./report.css" with { type: "text" };

const NAMES: NamesOf<ReportConfig> = {
  runs: true,
  out: true,
  engine: true,
  gallery: true,
};

const reportError = errorMaker("report on", "INVALID_ARGUMENT");

/** The user's choices. */
export interface ReportConfig {
  /** Folders of runs; patches and test images are shown of the first. */
  runs: readonly string[];
  /** The file; `report.html` in the first run's folder where not given. */
  out?: string;
  /** Whether to embed test images, for a map and their neighbours. */
  gallery: boolean;
  /** The engine for that. */
  engine: EngineChoice;
}

/** What was written. */
export interface ReportResult {
  /** The file. */
  out: string;
  /** The SVG file of each figure. */
  figures: string[];
  /** What is missing from it, and why. */
  missing: string[];
}

/**
 * Writes a report: curves, accuracy beside the published table, patches, a map
 * of test images and their neighbours, configurations and the environment. It loads
 * nothing from the network. Each figure is also written as SVG.
 *
 * @param choices The runs.
 * @param options A signal that aborts it, before anything is written.
 * @throws {EmpSslError} `NOT_FOUND` for a folder without files of a run;
 * `INVALID_ARGUMENT` where they are not of one, or it has made no step.
 *
 * @example Two runs side by side
 * ```ts ignore
 * import { writeReport } from "./report.ts";
 *
 * const { out } = await writeReport({ runs: ["runs/a", "runs/b"] });
 * ```
 */
export async function writeReport(
  choices: Pick<ReportConfig, "runs"> & Partial<ReportConfig>,
  { signal }: Pick<CallOptions<never>, "signal"> = {},
): Promise<ReportResult> {
  signal?.throwIfAborted();
  checkNames(choices, NAMES);
  const { engine = "auto", gallery: wanted = true } = choices;
  if (choices.runs.length === 0) {
    throw reportError(
      "nothing",
      "no run was named",
      "name the folder of a run",
    );
  }
  const runs = readRuns(choices.runs);
  const main = runs[0]!;
  const out = choices.out ?? `${main.dir}/report.html`;
  checkOutputFile(out);
  // What is shown of one run alone.
  const ofMain = runs.length > 1 ? `, ${escape(main.name)}` : "";
  const missing: string[] = [];
  const orMissing = async <T>(what: string, work: () => T | Promise<T>) => {
    try {
      return await untilAborted(Promise.resolve(work()), signal);
    } catch (error) {
      signal?.throwIfAborted();
      missing.push(`${what}: ${messageOf(error)}`);
      return undefined;
    }
  };
  // The drawing code is loaded only for a report.
  const { curves, sensitivityFigures, signFigures } = await import(
    "./figures.ts"
  );
  const { gallery } = await import("./gallery.ts");
  const curvesOfAll = curves(runs);
  const sensitivity = sensitivityFigures(sensitivities(runs));
  const told = signFigures(signsOf(runs));
  const figures = [...curvesOfAll, ...sensitivity, ...told];
  const shared = legend(runs, curvesOfAll);
  const patches = await orMissing("patches", () => patchSheet(main));
  const recorded = await orMissing("recorded results", bookTable);
  const seen = wanted
    ? await orMissing("test images", () => gallery(main.dir, engine, signal))
    : undefined;
  if (seen) figures.push(seen.map);
  const neighbours = seen && await imageHtml(seen.neighbours, seen.text);
  const sections: [string, string][] = [
    ["Numbers", numbers(runs) + published(runs)],
    ["Methods", methods(runs)],
    ["Evaluations", evaluations(runs)],
    ["Recorded results", recorded ?? ""],
    [
      "Curves",
      shared + grid(curvesOfAll),
    ],
    ["Accuracy by setting", sensitivity.length ? grid(sensitivity) : ""],
    ["Does the loss predict the accuracy?", told.length ? grid(told) : ""],
    [`Test images${ofMain}`, seen ? figureHtml(seen.map) + neighbours : ""],
    [`Patches${ofMain}`, patches ?? ""],
    [
      "Configuration",
      runs.map(({ name, config }) =>
        `<h3>${escape(name)}</h3><pre tabindex="0">${
          escape(JSON.stringify(config, null, 2))
        }</pre>`
      ).join("\n"),
    ],
    [
      "Environment of this report",
      table(["", ""], [
        ["Deno", Deno.version.deno],
        ["system", `${Deno.build.os} ${Deno.osRelease()}, ${Deno.build.arch}`],
        ["cores", navigator.hardwareConcurrency],
      ]),
    ],
  ];
  const title = `${main.config.arch} on ${main.config.data}: ${
    runs.map((run) => run.name).join(", ")
  }`;
  const html = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>${palette}${style}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
${
    sections.filter(([, body]) => body !== "")
      .map(([name, body]) => `<section><h2>${name}</h2>\n${body}</section>`)
      .join("\n")
  }
</main>
</body>
</html>
`;
  writeAtomically(out, html);
  const folder = out.replace(/(\.html)?$/, "-figures");
  Deno.mkdirSync(folder, { recursive: true });
  // Of an earlier report that had others.
  for (const { name } of Deno.readDirSync(folder)) {
    const isOurs = figures.some((figure) => name === `${figure.name}.svg`);
    if (/^accuracy-by-.*\.svg$/.test(name) && !isOurs) {
      removeIfPossible(`${folder}/${name}`);
    }
  }
  const files = figures.map(({ name, svg }) => {
    const path = `${folder}/${name}.svg`;
    writeAtomically(path, svg);
    return path;
  });
  return { out, figures: files, missing };
}
