/**
 * One self-contained HTML file about some runs.
 *
 * @module
 */
import { patchSizesInWords } from "../stream/patch_sizes.ts";
import { methodNamed } from "../model/methods/methods.ts";
import { checkpointFile } from "../evaluate/evaluation_record.ts";
import { comparisonOf, evaluatedOn } from "./comparison.ts";
import { type CallOptions, untilAborted } from "../call_options.ts";
import { openDataset } from "../data/catalog.ts";
import type { EngineChoice } from "../engine/engine.ts";
import { errorMaker, messageOf } from "../errors.ts";
import { contactSheet } from "../patches/contact_sheet.ts";
import { recipeOf } from "../patches/recipe.ts";
import { createTransforms } from "../patches/create_transforms.ts";
import { checkOutputFile } from "../evaluate/write_features.ts";
import { writeAtomically } from "../atomic_file.ts";
import { pixelsOf, storedSource } from "../checkpoint/run_config.ts";
import { BOOK_HEAD, bookCells, readRow, rowNames } from "./book.ts";
import type { Figure } from "./figures.ts";
import { signsOf } from "./correlation.ts";
import { escape, figureHtml, grid, imageHtml, percent, table } from "./html.ts";
import { publishedFor } from "./published.ts";
import { readRuns, type RunRecord, stepsMade } from "./run_record.ts";
import { sensitivities } from "./sensitivity.ts";
import palette from "../style/palette.css" with { type: "text" };
import style from "./report.css" with { type: "text" };

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

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** A table of key numbers, with a column for each run. */
function numbers(runs: RunRecord[]): string {
  const seconds = (run: RunRecord) =>
    run.steps.reduce((sum, s) => sum + s.computeSeconds + s.waitSeconds, 0);
  const rows: [string, (run: RunRecord) => unknown][] = [
    ["data", ({ config: c }) => `${c.data}, ${c.images} images`],
    ["method", ({ config }) => methodNamed(config.method).title],
    ["architecture", ({ config }) => config.arch],
    [
      "batch",
      ({ config: c }) => `${c.bs} × ${c.numPatches} ${patchSizesInWords(c)}`,
    ],
    ["steps", ({ steps, config }) => `${stepsMade(steps)} of ${config.steps}`],
    ["time of the steps", (run) => `${(seconds(run) / 60).toFixed(1)} min`],
    [
      "patches a second, median",
      ({ steps }) => median(steps.map((s) => s.patchesPerSecond)).toFixed(1),
    ],
    ["last loss", ({ steps }) => steps.at(-1)!.loss.toFixed(2)],
    ["last invariance", ({ steps }) => steps.at(-1)!.invariance.toFixed(3)],
    ["last coding rate", ({ steps }) => steps.at(-1)!.tcr.toFixed(1)],
    ["last probe, kNN top-1", ({ probes }) => percent(probes.at(-1)?.top1)],
    [
      "engine",
      ({ config: { report: r } }) =>
        r ? `${r.engine} ${r.version} on ${r.device}, ${r.precision}` : "–",
    ],
  ];
  return table(
    ["", ...runs.map((run) => run.name)],
    rows.map(([name, valueOf]) => [name, ...runs.map(valueOf)]),
  );
}

/** The paper's accuracies for the data sets of EMP-SSL runs. */
function published(runs: RunRecord[]): string {
  const sets = runs.filter(({ config: { method = "emp-ssl" } }) =>
    method === "emp-ssl"
  ).map(({ config }) => config.data);
  return [...new Set(sets)].flatMap((data) => {
    const found = publishedFor(data);
    return found === undefined ? [] : [
      `<p>Published for EMP-SSL on ${
        escape(data)
      }, linear accuracy with all images: ${escape(found)}.</p>`,
    ];
  }).join("\n");
}

/** A row for each evaluation, with its settings. */
function evaluations(runs: RunRecord[]): string {
  const rows = runs.flatMap((run) =>
    run.evaluations.map((e) => [
      run.name,
      checkpointFile(e),
      e.data + (e.dataOptions ? ` ${JSON.stringify(e.dataOptions)}` : ""),
      `${e.images.train} and ${e.images.test}`,
      evaluatedOn(e),
      e.engine.precision,
      percent(e.linear?.last.top1),
      percent(e.linear?.best.top1),
      percent(e.knn?.top1),
    ])
  );
  if (rows.length === 0) return "";
  return table([
    "run",
    "checkpoint",
    "data",
    "training and test images",
    "input and features",
    "precision",
    "linear, last epoch",
    "linear, best epoch",
    "kNN, k 20",
  ], rows);
}

/** Methods side by side, where there are several. */
function methods(runs: RunRecord[]): string {
  const several = new Set(
    runs.map(({ config }) => methodNamed(config.method).name),
  ).size > 1;
  if (!several) return "";
  const { head, rows } = comparisonOf(runs);
  return table(head, rows);
}

/** The rows of docs/results.md, to compare with. */
function bookTable(): string {
  const rows = rowNames().map((name) => bookCells(readRow(name)));
  return rows.length === 0 ? "" : table(BOOK_HEAD, rows);
}

/** An image of the run's data, and the patches that training cut from it. */
async function patchSheet({ config }: RunRecord): Promise<string> {
  const dataset = await openDataset(storedSource(config));
  const sheet = contactSheet(await dataset.image(0), {
    recipe: config.views ?? recipeOf(config.recipe),
    size: config.patchSize,
    patches: Math.min(config.numPatches, 40),
    seed: config.seed,
    index: 0,
    transforms: await createTransforms(pixelsOf(config)),
  });
  const when = config.progressive === undefined ? "" : " at the last size";
  return await imageHtml(
    sheet,
    `An image, and patches that training cuts from it${when}`,
  );
}

/** The colours of the runs, which are the same in all curves. */
function legend(runs: RunRecord[], [first]: Figure[]): string {
  if (runs.length === 1) return "";
  const colors = [...first!.svg.matchAll(/stroke="(#[0-9a-f]{6})"/g)]
    .map(([, color]) => color);
  const items = runs.map((run, i) =>
    `<li><svg viewBox="0 0 2 2" aria-hidden="true"><circle cx="1" cy="1" r="1" fill="${
      colors[i] ?? "currentColor"
    }"/></svg>${escape(run.name)}</li>`
  );
  return `<ul class="legend">${items.join("")}</ul>`;
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
  const files = figures.map(({ name, svg }) => {
    const path = `${folder}/${name}.svg`;
    writeAtomically(path, svg);
    return path;
  });
  return { out, figures: files, missing };
}
