/**
 * Mean and standard deviation of data sets, with which methods with views normalise.
 *
 * @module
 */

/** Mean and standard deviation of each channel, of values scaled to 0–1. */
export interface Statistics {
  /** The means. */
  mean: readonly number[];
  /** The standard deviations. */
  std: readonly number[];
}

/** Those of solo-learn, by the name of the data set; ½ for `shapes`. */
const KNOWN: Readonly<Record<string, Statistics>> = {
  cifar10: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  cifar100: { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
  shapes: { mean: [0.5], std: [0.5] },
};

/** ImageNet's, which are commonly used for any photographs. */
const IMAGENET: Statistics = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** The statistics of a data set; mean and standard deviation ½ where it is not RGB. */
export function statisticsOf(data: string, channels: number): Statistics {
  if (channels !== 3) return KNOWN.shapes!;
  return KNOWN[data.replace(/-coarse$/, "")] ?? IMAGENET;
}
