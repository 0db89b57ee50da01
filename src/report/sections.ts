/**
 * The sections of a report as HTML: key numbers, evaluations, methods, the book's
 * rows, patches, and the legend of its curves.
 *
 * @module
 */
import { pixelsOf, storedSource } from "../checkpoint/run_config.ts";
import { openDataset } from "../data/open_dataset.ts";
import { checkpointFile } from "../evaluate/evaluation_record.ts";
import { methodNamed } from "../model/methods/methods.ts";
import { contactSheet } from "../patches/contact_sheet.ts";
import { createTransforms } from "../patches/create_transforms.ts";
import { recipeOf } from "../patches/recipe.ts";
import { percentSigned } from "../common/percent.ts";
import { patchSizesInWords } from "../stream/patch_sizes.ts";
import { BOOK_HEAD, bookCells, readRow, rowNames } from "./book.ts";
import { comparisonOf, evaluatedOn } from "./comparison.ts";
import type { Figure } from "./figures.ts";
import { escape, imageHtml, table } from "./html.ts";
import { publishedFor } from "./published.ts";
import { type RunRecord, secondsOf, stepsMade } from "./run_record.ts";

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** A table of key numbers, with a column for each run. */
export function numbers(runs: RunRecord[]): string {
  const rows: [string, (run: RunRecord) => unknown][] = [
    ["data", ({ config: c }) => `${c.data}, ${c.images} images`],
    ["method", ({ config }) => methodNamed(config.method).title],
    ["architecture", ({ config }) => config.arch],
    [
      "batch",
      ({ config: c }) => `${c.bs} × ${c.numPatches} ${patchSizesInWords(c)}`,
    ],
    ["steps", ({ steps, config }) => `${stepsMade(steps)} of ${config.steps}`],
    [
      "time of the steps",
      (run) => `${(secondsOf(run.steps) / 60).toFixed(1)} min`,
    ],
    [
      "patches a second, median",
      ({ steps }) => median(steps.map((s) => s.patchesPerSecond)).toFixed(1),
    ],
    ["last loss", ({ steps }) => steps.at(-1)!.loss.toFixed(2)],
    ["last invariance", ({ steps }) => steps.at(-1)!.invariance.toFixed(3)],
    ["last coding rate", ({ steps }) => steps.at(-1)!.tcr.toFixed(1)],
    [
      "last probe, kNN top-1",
      ({ probes }) => percentSigned(probes.at(-1)?.top1),
    ],
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
export function published(runs: RunRecord[]): string {
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
export function evaluations(runs: RunRecord[]): string {
  const rows = runs.flatMap((run) =>
    run.evaluations.map((e) => [
      run.name,
      checkpointFile(e),
      e.data + (e.dataOptions ? ` ${JSON.stringify(e.dataOptions)}` : ""),
      `${e.images.train} and ${e.images.test}`,
      evaluatedOn(e),
      e.engine.precision,
      percentSigned(e.linear?.last.top1),
      percentSigned(e.linear?.best.top1),
      percentSigned(e.knn?.top1),
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
export function methods(runs: RunRecord[]): string {
  const several = new Set(
    runs.map(({ config }) => methodNamed(config.method).name),
  ).size > 1;
  if (!several) return "";
  const { head, rows } = comparisonOf(runs);
  return table(head, rows);
}

/** The rows of docs/results.md, to compare with. */
export function bookTable(): string {
  const rows = rowNames().map((name) => bookCells(readRow(name)));
  return rows.length === 0 ? "" : table(BOOK_HEAD, rows);
}

/** An image of the run's data, and the patches that training cut from it. */
export async function patchSheet({ config }: RunRecord): Promise<string> {
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
export function legend(runs: RunRecord[], [first]: Figure[]): string {
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
