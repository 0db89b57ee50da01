/**
 * The optimisers and their constants: SGD with LARS (`lars.ts`) or without (`sgd.ts`),
 * and Muon for the filters of convolutions (`muon.ts`).
 *
 * @module
 */

/** The constants of the optimiser. */
export interface OptimizerConfig {
  /** The trust coefficient η. */
  eta: number;
  /** Weight decay. */
  weightDecay: number;
  /** Momentum of SGD. */
  momentum: number;
  /** Whether the momentum is Nesterov's: true by default. */
  nesterov?: boolean;
  /**
   * `lars` by default. `none`: plain SGD with weight decay of every parameter,
   * including biases and batch norms.
   */
  scaling?: "lars" | "none";
  /**
   * The learning rate that the local rate is clipped at: by default the current
   * step's, as in the authors' program. A step is then min(local, lr)·g, and the
   * schedule has no effect until lr falls below the local rate. With the initial
   * rate here, the schedule scales every step.
   */
  clipRate?: number;
  /**
   * With it the filters of convolutions step by Muon instead: the length of a step at a
   * learning rate of 1, relative to a filter's norm (`muon.ts`).
   */
  muon?: number;
}

/** The optimisers of a run: the method's published one, or Muon for the filters. */
export const OPTIMIZERS = ["published", "muon"] as const;

/** One of {@linkcode OPTIMIZERS}. */
export type OptimizerName = typeof OPTIMIZERS[number];

/** The paper's values. */
export const OPTIMIZER: OptimizerConfig = {
  eta: 0.005,
  weightDecay: 1e-4,
  momentum: 0.9,
};
