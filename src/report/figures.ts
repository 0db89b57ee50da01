/**
 * The figures of a report, as SVG.
 *
 * @module
 */
import { Plot, plot } from "../deps/plot.ts";
import { flagOf } from "../common/flag_error.ts";
import type { StepMetrics } from "../train/events.ts";
import { type SignOfAccuracy, SIGNS } from "./correlation.ts";
import { type RunRecord, thinned } from "./run_record.ts";
import { byValue, type Sensitivity } from "./sensitivity.ts";

/** A drawn figure. */
export interface Figure {
  /** Its file's name, without the ending. */
  name: string;
  /** What it shows. */
  title: string;
  /** The drawing. */
  svg: string;
}

/** Maximum number of points of a curve; a longer one is thinned out. */
const MOST = 800;
const WIDTH = 460, HEIGHT = 240;

const CURVES: [string, string, (metrics: StepMetrics) => number][] = [
  ["loss", "Loss", (m) => m.loss],
  ["invariance", "Invariance", (m) => m.invariance],
  ["tcr", "Total coding rate", (m) => m.tcr],
  ["effective-rank", "Effective rank of z̄", (m) => m.effectiveRank],
  ["learning-rate", "Learning rate", (m) => m.lr],
  ["patches-per-second", "Patches a second", (m) => m.patchesPerSecond],
  [
    "waiting",
    "Waiting for patches, % of the time",
    (m) => 100 * m.waitSeconds / (m.waitSeconds + m.computeSeconds),
  ],
];

interface Point {
  x: number;
  y: number;
  series: string;
}

/** A plot as standalone SVG, with its title for screen readers. */
function draw(title: string, options: object): string {
  const drawn = plot({
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 56,
    style: { background: "transparent" },
    ariaLabel: title,
    ...options,
  });
  const svg = drawn.tagName.toLowerCase() === "svg"
    ? drawn
    : drawn.querySelector("svg:last-of-type")!;
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("role", "img");
  // For screen readers, the figure is one image: its groups need no labels.
  return svg.outerHTML.replace(/(<g\b[^>]*?) aria-label="[^"]*"/g, "$1");
}

/** Curves; `runs` are all of the report, so that each has one colour in all figures. */
function lines(
  { name, title, points }: { name: string; title: string; points: Point[] },
  runs: RunRecord[],
): Figure {
  const marks = { x: "x", y: "y", z: "series", stroke: "series" };
  const svg = draw(title, {
    x: { label: "step" },
    y: { grid: true, label: null },
    color: { scheme: "observable10", domain: runs.map((run) => run.name) },
    marks: [
      Plot.lineY(points, marks),
      Plot.dot(points.length < 60 ? points : [], { ...marks, r: 2 }),
    ],
  });
  return { name, title, svg };
}

/** The training curves of some runs, all in the same figures. */
export function curves(runs: RunRecord[]): Figure[] {
  const figures = CURVES.flatMap(([name, title, valueOf]) => {
    const points = runs.flatMap((run) =>
      thinned(run.steps, MOST).map((metrics) => ({
        x: metrics.step,
        y: valueOf(metrics),
        series: run.name,
      }))
    );
    const known = points.filter(({ y }) => Number.isFinite(y));
    return known.length > 0
      ? [lines({ name, title, points: known }, runs)]
      : [];
  });
  const probes = runs.flatMap((run) =>
    run.probes.map(({ step, top1 }) => ({
      x: step,
      y: 100 * top1,
      series: run.name,
    }))
  );
  if (probes.length > 0) {
    const title = "Online probe: kNN top-1, %";
    figures.push(lines({ name: "probe", title, points: probes }, runs));
  }
  return figures;
}

/** Accuracy by one setting: see {@linkcode sensitivities}. */
export function sensitivityFigures(found: Sensitivity[]): Figure[] {
  return found.map(({ choice: name, kind, lines }) => {
    const choice = flagOf(name).replace(/^--/, "");
    const title = `Accuracy by ${choice}, % (${kind})`;
    const points = lines.flatMap((line, at) =>
      (["linear", "knn"] as const).flatMap((accuracy) =>
        line.filter((point) => point[accuracy] !== undefined)
          .map((point) => ({
            x: point.value,
            y: 100 * point[accuracy]!,
            accuracy: accuracy === "knn" ? "kNN" : accuracy,
            line: `${accuracy} ${at}`,
          }))
      )
    );
    const numbers = points.map(({ x }) => x)
      .filter((x) => typeof x === "number");
    const isWide = Math.max(...numbers) >= 8 * Math.min(...numbers) &&
      Math.min(...numbers) > 0;
    const type = numbers.length < points.length
      ? "point"
      : isWide
      ? "log"
      : "linear";
    const marks = { x: "x", y: "y", z: "line", stroke: "accuracy" };
    const svg = draw(title, {
      x: {
        label: choice,
        type,
        ...(type === "log" ? { tickFormat: "~g" } : {}),
        ...(type === "point"
          ? { domain: [...new Set(points.map(({ x }) => x))].toSorted(byValue) }
          : {}),
      },
      y: { grid: true, label: null },
      color: { scheme: "observable10", domain: ["linear", "kNN"] },
      marks: [
        Plot.lineY(points, marks),
        Plot.dot(points, marks),
        Plot.text(
          points,
          Plot.selectLast({
            ...{ x: "x", y: "y", z: "accuracy", text: "accuracy" },
            dy: -8,
          }),
        ),
      ],
    });
    return { name: `accuracy-by-${choice}`, title, svg };
  });
}

/** Linear accuracy by training metrics: see {@linkcode signsOf}. */
export function signFigures(signs: SignOfAccuracy[]): Figure[] {
  return signs.map(({ sign, kind, runs, correlation }) => {
    const title = `Linear accuracy, %, by the last ${SIGNS[sign]}: rank ` +
      `correlation ${
        correlation.toFixed(2)
      } over ${runs.length} runs (${kind})`;
    const svg = draw(title, {
      x: { label: SIGNS[sign] },
      y: { grid: true, label: null },
      marks: [
        Plot.dot(
          runs.map(({ name, linear, last }) => ({
            name,
            x: last,
            y: 100 * linear,
          })),
          { x: "x", y: "y", title: "name", fill: "currentColor" },
        ),
      ],
    });
    return { name: `accuracy-by-last-${sign}`, title, svg };
  });
}

/** How many colours the scheme of a map has. */
const MAP_COLORS = 10;

/** A map of embeddings, coloured by class. */
export function embeddingMap(
  points: { x: number; y: number; label: string }[],
): Figure {
  const classes = new Set(points.map(({ label }) => label)).size;
  const title = "Test images by their features (PCA)" +
    (classes > MAP_COLORS
      ? `, coloured by class: ${MAP_COLORS} colours for ${classes}`
      : classes > 1
      ? ", a colour for each class"
      : "");
  const svg = draw(title, {
    width: 560,
    height: 420,
    axis: null,
    color: { scheme: "tableau10", type: "categorical" },
    marks: [
      Plot.dot(points, {
        x: "x",
        y: "y",
        fill: "label",
        title: "label",
        r: 3.5,
      }),
    ],
  });
  return { name: "map", title, svg };
}
