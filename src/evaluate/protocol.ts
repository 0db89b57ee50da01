/**
 * The authors' settings of the evaluation, apart from the code that uses them, which
 * only the training worker loads.
 *
 * @module
 */

/** The linear probe: see `linear_probe.ts`. */
export const LINEAR_PROBE = {
  epochs: 100,
  batch: 100,
  lr: 0.03,
  momentum: 0.9,
  weightDecay: 5e-5,
  seed: 0,
} as const;

/** Nearest neighbours: see `knn.ts`. */
export const KNN = { k: 20, temperature: 0.07 } as const;
