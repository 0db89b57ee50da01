/**
 * Progressive resizing: patches of one size for the first part of a run, and of another,
 * usually larger, size for the rest. The network's weights do not depend on the size;
 * its batch norm running statistics adapt within some steps.
 *
 * @module
 */
import { flagError } from "../common/flag_error.ts";

/** The patch size up to some fraction of a run. */
export interface ProgressiveSize {
  /** Side of a patch in pixels. */
  patchSize: number;
  /** The fraction of the run's steps, in (0, 1), at which the next size begins. */
  until: number;
}

/** The sizes of a run's patches, as a user chooses them. */
export interface PatchSizes {
  /** The last size: side of a patch in pixels. */
  patchSize?: number;
  /** The sizes before it, in order. */
  progressive?: ProgressiveSize[];
}

/** The sizes of a run whose last one is known. */
type KnownSizes = PatchSizes & { patchSize: number };

/** All sizes, in order. */
function allSizes({ patchSize, progressive = [] }: KnownSizes): number[] {
  return [...progressive.map((it) => it.patchSize), patchSize];
}

/** The steps of a run with one patch size. */
export interface SizePhase {
  /** Side of a patch in pixels. */
  patchSize: number;
  /** The first step. */
  first: number;
  /** The step after the last one. */
  end: number;
}

/**
 * Parses `32` (throughout) and `16,32@0.75` (16 pixels for the first three quarters of
 * the run, then 32).
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` if it is neither.
 *
 * @example Two sizes
 * ```ts
 * import { parsePatchSizes } from "./patch_sizes.ts";
 *
 * const { patchSize, progressive } = parsePatchSizes("16,32@0.75");
 * console.assert(patchSize === 32 && progressive![0]!.until === 0.75);
 * ```
 */
export function parsePatchSizes(text: string): KnownSizes {
  const parts = text.split(",").map((part, i) =>
    (i === 0 ? /^(\d+)$/ : /^(\d+)@(0?\.\d+)$/).exec(part)
  );
  if (parts.some((part) => part === null)) {
    throw flagError(
      `--patch-size ${text}`,
      "it is neither a size nor a list of sizes, each with its start",
      "give for example 32, or 16,32@0.75 (32 after 75 % of the run)",
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

/** The inverse of {@linkcode parsePatchSizes}. */
export function patchSizesText(sizes: KnownSizes): string {
  const { progressive = [] } = sizes;
  return allSizes(sizes).map((size, i) =>
    i === 0 ? size : `${size}@${progressive[i - 1]!.until}`
  ).join(",");
}

/** In words: `patches of 32×32`, or `patches of 16×16 (32×32 after 75 %)`. */
export function patchSizesInWords(sizes: KnownSizes): string {
  const { progressive = [] } = sizes;
  const [first, ...later] = allSizes(sizes).map((size) => `${size}×${size}`);
  const percent = (share: number) => Number((100 * share).toPrecision(6));
  const rest = later.map((size, i) =>
    `${size} after ${percent(progressive[i]!.until)} %`
  );
  const more = rest.length > 0 ? ` (${rest.join(", ")})` : "";
  return `patches of ${first}${more}`;
}

/** The largest size, for which memory and caches are planned. */
export function largestPatchSize(sizes: KnownSizes): number {
  return Math.max(...allSizes(sizes));
}

/**
 * Rejects sizes whose `until` is not in (0, 1) or not increasing.
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
        `--patch-size with a size that ends at ${until} of the run`,
        `the end must be between ${before} and 1`,
        "give increasing shares of the run, such as 16,24@0.5,32@0.75",
      );
    }
    before = until;
  }
}

/** The pixels of a patch, summed over the first steps of a run: their work. */
export function workOf(
  sizes: KnownSizes & { steps: number },
  steps: number,
): number {
  return sizePhases(sizes).reduce((work, { patchSize, first, end }) => {
    const made = Math.max(0, Math.min(end, steps) - first);
    return work + made * patchSize ** 2;
  }, 0);
}

/**
 * Splits a run into phases of one patch size each, without empty ones; a single empty
 * phase if no step is left.
 *
 * @param from The first step: phases before it are left out.
 */
export function sizePhases(
  { patchSize, progressive = [], steps }: KnownSizes & { steps: number },
  from: number = 0,
): SizePhase[] {
  const ends = [
    ...progressive.map((it) => Math.round(it.until * steps)),
    steps,
  ];
  const phases = allSizes({ patchSize, progressive })
    .map((size, i) => ({
      patchSize: size,
      first: Math.max(from, ends[i - 1] ?? 0),
      end: ends[i]!,
    }))
    .filter(({ first, end }) => first < end);
  // A finished run that is resumed has no steps left.
  return phases.length > 0
    ? phases
    : [{ patchSize, first: from, end: Math.max(from, steps) }];
}
