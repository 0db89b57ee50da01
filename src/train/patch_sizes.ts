/**
 * Progressive resizing: patches of one size for the first part of a run, and of
 * another, mostly larger one, for the rest. The network's weights do not depend on the
 * size; its batch norms take new statistics within some steps.
 *
 * @module
 */
import type { ProgressiveSize, TrainConfig } from "../checkpoint/run_config.ts";
import { flagError } from "../flag_error.ts";

/** Steps of a run that have patches of one size. */
export interface SizePhase {
  /** Side of a patch in pixels. */
  patchSize: number;
  /** The first step. */
  first: number;
  /** The step after the last one. */
  end: number;
}

/** What `--patch-size` means. */
export type PatchSizes = Pick<TrainConfig, "patchSize" | "progressive">;

/**
 * Understands `32` (all the time) and `16,32@0.75` (16 pixels up to three quarters of
 * the run, 32 from there on).
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it is neither.
 *
 * @example Two sizes
 * ```ts
 * import { parsePatchSizes } from "./patch_sizes.ts";
 *
 * const { patchSize, progressive } = parsePatchSizes("16,32@0.75");
 * console.assert(patchSize === 32 && progressive![0]!.until === 0.75);
 * ```
 */
export function parsePatchSizes(text: string): PatchSizes {
  const parts = text.split(",").map((part, i) =>
    (i === 0 ? /^(\d+)$/ : /^(\d+)@(0?\.\d+)$/).exec(part)
  );
  if (parts.some((part) => part === null)) {
    throw flagError(
      `--patch-size ${text}`,
      "it is neither a size nor sizes with where in the run each begins",
      "give such as 32, or 16,32@0.75",
    );
  }
  const sizes = parts.map((part) => Number(part![1]));
  const begins = parts.slice(1).map((part) => Number(part![2]));
  const patchSize = sizes.pop()!;
  if (sizes.length === 0) return { patchSize };
  const progressive = sizes.map((size, i) => ({
    patchSize: size,
    until: begins[i]!,
  }));
  return { patchSize, progressive };
}

/** The text that {@linkcode parsePatchSizes} understands. */
export function patchSizesText(
  { patchSize, progressive = [] }: PatchSizes,
): string {
  const sizes = [...progressive.map((it) => it.patchSize), patchSize];
  return sizes.map((size, i) =>
    i === 0 ? size : `${size}@${progressive[i - 1]!.until}`
  ).join(",");
}

/** In words: `patches of 32×32`, `patches of 16×16, 32×32 after 75 %`. */
export function patchSizesInWords(
  { patchSize, progressive = [] }: PatchSizes,
): string {
  const square = (size: number | undefined) => `${size}×${size}`;
  const sizes = [...progressive.map((it) => it.patchSize), patchSize];
  return "patches of " +
    sizes.map((size, i) =>
      i === 0
        ? square(size)
        : `${square(size)} after ${progressive[i - 1]!.until * 100} %`
    ).join(", ");
}

/**
 * Refuses sizes whose parts of the run are not one after the other.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkProgressive(
  progressive: readonly ProgressiveSize[],
): void {
  let before = 0;
  for (const { until } of progressive) {
    if (!(until > before && until < 1)) {
      throw flagError(
        `--patch-size with a size until ${until}`,
        `it has to lie between ${before} and 1`,
        "give shares of the run that rise, such as 16,24@0.5,32@0.75",
      );
    }
    before = until;
  }
}

/**
 * The parts of a run by the size of their patches, without empty ones.
 *
 * @param from The step that comes first: parts before it are left out.
 */
export function sizePhases(
  { patchSize, progressive = [], steps }: {
    patchSize: number;
    progressive?: readonly ProgressiveSize[];
    steps: number;
  },
  from: number = 0,
): SizePhase[] {
  const ends = [
    ...progressive.map((it) => Math.round(it.until * steps)),
    steps,
  ];
  return [...progressive.map((it) => it.patchSize), patchSize]
    .map((size, i) => ({
      patchSize: size,
      first: Math.max(from, ends[i - 1] ?? 0),
      end: ends[i]!,
    }))
    .filter(({ first, end }) => first < end);
}
