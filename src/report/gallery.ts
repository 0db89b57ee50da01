/**
 * Images that show what the network has learnt: a map of test images, and the nearest
 * neighbours of some of them.
 *
 * @module
 */
import { methodOf } from "../model/methods/methods.ts";
import { DATASETS } from "../data/catalog.ts";
import { openForThreads } from "../data/open_dataset.ts";
import type { Dataset } from "../data/dataset.ts";
import { type Image, toDisplay } from "../data/image.ts";
import type { EngineChoice } from "../engine/engine.ts";
import type { EvaluationCalls } from "../evaluate/evaluation_calls.ts";
import {
  computeFeatures,
  cutsOf,
  labelsOf,
} from "../evaluate/compute_features.ts";
import { createTransforms } from "../patches/create_transforms.ts";
import { readCheckpointInfo } from "../checkpoint/checkpoint.ts";
import { storedSource } from "../checkpoint/run_config.ts";
import { startCompute } from "../engine/compute.ts";
import { principalMap } from "../train/spectrum.ts";
import { embeddingMap, type Figure } from "./figures.ts";

/** Test images that are embedded, and patches of each. */
const IMAGES = 250, PATCHES = 8;
const QUERIES = 6, NEIGHBOURS = 7, SIDE = 48, GAP = 4;

/** See the module's description. */
export interface Gallery {
  /** The map. */
  map: Figure;
  /** A row for each query: itself, then its neighbours, the nearest first. */
  neighbours: Image;
  /** The caption of `neighbours`. */
  text: string;
}

/** The indices of the nearest other images of an image. */
function nearest(cosines: Float32Array, count: number, query: number) {
  return Array.from({ length: count }, (_, i) => i)
    .filter((i) => i !== query)
    .sort((a, b) => cosines[query * count + b]! - cosines[query * count + a]!)
    .slice(0, NEIGHBOURS);
}

async function drawRows(dataset: Dataset, rows: number[][]): Promise<Image> {
  const cell = SIDE + GAP;
  // A wider gap separates the query from its neighbours.
  const width = (NEIGHBOURS + 1) * cell + 2 * GAP, height = rows.length * cell;
  const data = new Uint8Array(width * height * 3).fill(255);
  const transforms = await createTransforms();
  for (const [row, images] of rows.entries()) {
    for (const [column, index] of images.entries()) {
      const image = await Promise.try(() => dataset.image(index))
        .then(toDisplay, () => undefined);
      // One that cannot be read has no feature either: its place stays white.
      if (image === undefined) continue;
      const whole = {
        left: 0,
        top: 0,
        width: image.width,
        height: image.height,
      };
      transforms.load(image);
      transforms.cropAndResize(whole, {
        size: SIDE,
        interpolation: "bilinear",
      });
      const left = column * cell + (column > 0 ? 2 * GAP : 0);
      for (let y = 0; y < SIDE; y++) {
        const to = ((row * cell + y) * width + left) * 3;
        const line = transforms.patch.subarray(
          y * SIDE * 3,
          (y + 1) * SIDE * 3,
        );
        data.set(line, to);
      }
    }
  }
  return { width, height, data };
}

/**
 * Embeds some test images with the newest checkpoint of a run.
 *
 * @throws {EmpSslError} Where the data or a checkpoint is not available.
 */
export async function gallery(
  dir: string,
  engine: EngineChoice,
  signal?: AbortSignal,
): Promise<Gallery> {
  const { path, config, model } = readCheckpointInfo(dir);
  const { protocol } = methodOf(model);
  const { source, dataset } = await openForThreads({
    ...storedSource(config),
    split: "test",
    limit: IMAGES,
  });
  const compute = await startCompute({ engine, precision: "auto" });
  let cosines: Float32Array;
  try {
    const calls = compute.calls<EvaluationCalls>();
    await calls.startEvaluation(path, false);
    await computeFeatures(compute, {
      source,
      labels: labelsOf(dataset),
      split: "test",
      ...cutsOf(config, { protocol, patches: PATCHES }),
      failureLimit: 0.5,
      signal,
    });
    cosines = await calls.cosines("test");
    await calls.endEvaluation();
  } finally {
    await compute.close();
  }
  const count = dataset.length;
  const points = principalMap(cosines).map(([x, y], i) => ({
    x,
    y,
    label: dataset.classes[dataset.label(i)] ?? "",
  }));
  const rows = Array.from({ length: Math.min(QUERIES, count) }, (_, query) => [
    query,
    ...nearest(cosines, count, query),
  ]);
  const same = rows.flatMap(([query, ...others]) =>
    others.map((other) => dataset.label(other) === dataset.label(query!))
  );
  const right = same.filter(Boolean).length;
  const image = DATASETS[config.data]?.isUnsplit ? "an image" : "a test image";
  const ofClass = dataset.classes.length < 2
    ? ""
    : `; ${right} of ${same.length} neighbours have the same class`;
  return {
    map: embeddingMap(points),
    neighbours: await drawRows(dataset, rows),
    text: `Each row: ${image}, then its ${
      Math.min(NEIGHBOURS, count - 1)
    } nearest of the ${
      count - 1
    } others by the cosine of their features${ofClass}`,
  };
}
