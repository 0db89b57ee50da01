/**
 * The paper's linear accuracies, to compare a run's with.
 *
 * @module
 */

/** A published top-1, with its setting. */
interface Published {
  epochs: number;
  /** Patches per image in training; undefined where the table does not say. */
  patches?: number;
  top1: number;
  /** Where it is given in the paper or the authors' README. */
  source: string;
}

const ONE_EPOCH = "the table of one epoch";
const BY_PATCHES = "the table by patches";

const row = (
  epochs: number,
  patches: number | undefined,
  top1: number,
  source: string,
): Published => ({ epochs, patches, top1, source });

const PUBLISHED: Record<string, Published[]> = {
  cifar10: [
    row(1, undefined, .842, "the authors' README; .851 in the abstract"),
    row(1, 20, .806, BY_PATCHES),
    row(10, 20, .907, BY_PATCHES),
    row(30, 20, .931, BY_PATCHES),
    row(1, 200, .826, `${BY_PATCHES}, of a schedule of 30 epochs`),
    row(10, 200, .915, BY_PATCHES),
    row(30, 200, .934, BY_PATCHES),
  ],
  cifar100: [
    row(1, undefined, .585, ONE_EPOCH),
    row(1, 20, .551, BY_PATCHES),
    row(10, 20, .678, BY_PATCHES),
    row(30, 20, .724, BY_PATCHES),
    row(1, 200, .577, BY_PATCHES),
    row(10, 200, .701, BY_PATCHES),
    row(30, 200, .733, BY_PATCHES),
  ],
  tinyimagenet: [
    row(1, undefined, .381, ONE_EPOCH),
    row(10, 200, .515, BY_PATCHES),
  ],
  imagenet100: [
    row(1, undefined, .585, ONE_EPOCH),
    row(10, 200, .789, BY_PATCHES),
  ],
};

/**
 * The paper's accuracies for a data set, as text; undefined where it has none. All
 * are for all training images, by the linear probe with 128 test patches.
 */
export function publishedFor(data: string): string | undefined {
  return PUBLISHED[data]?.map(({ epochs, patches, top1, source }) => {
    const of = patches === undefined
      ? "patches not stated"
      : `${patches} patches`;
    const plural = epochs === 1 ? "epoch" : "epochs";
    return `${top1.toFixed(3)} (${epochs} ${plural}, ${of}; ${source})`;
  }).join("; ");
}
