/**
 * Health checks of a training: weights or losses that are not finite, and collapse,
 * where all images have the same embedding.
 *
 * @module
 */
import type { StepLosses } from "../engine/engine.ts";
import { EmpSslError } from "../common/errors.ts";
import { allFinite } from "../common/finite.ts";
import { AFTER_DIVERGENCE } from "../common/remedies.ts";
import type { State } from "../model/tensors.ts";

/** Collapse limits: invariance; coding rate, as a multiple of `collapsedRate`. */
const INVARIANCE = 0.99, MARGIN = 1.1;
/** Below this effective rank all embeddings have nearly the same direction. */
export const COLLAPSED_RANK = 1.1;

/**
 * The total coding rate of b equal unit vectors: ½ log(1 + d/ε²) for any b, since the
 * only nonzero eigenvalue of ZᵀZ is then b.
 */
export function collapsedRate(embedding: number, eps: number): number {
  return Math.log1p(embedding / eps) / 2;
}

/**
 * Rejects a loss that is not finite.
 *
 * @throws {EmpSslError} `NOT_FINITE`.
 */
export function checkLoss(loss: number, step: number): void {
  if (Number.isFinite(loss)) return;
  throw new EmpSslError({
    action: "continue after",
    subject: `step ${step}`,
    found: `the loss is ${loss}`,
    remedy: step === 0
      // Before any update of the weights.
      ? "compute in fp32, or change the weights of the loss; the learning rate " +
        "has had no effect yet"
      : AFTER_DIVERGENCE,
    code: "NOT_FINITE",
  });
}

/**
 * Rejects a state that contains NaN or infinity.
 *
 * @param step How many steps were made before it.
 * @throws {EmpSslError} `NOT_FINITE`, naming the tensor.
 */
export function checkFinite(state: State, step: number): void {
  for (const [name, values] of state) {
    if (allFinite(values)) continue;
    throw new EmpSslError({
      action: "write a checkpoint after",
      subject: `step ${step}`,
      found: `${name} is not finite: training has diverged`,
      remedy: AFTER_DIVERGENCE,
      code: "NOT_FINITE",
    });
  }
}

/** Detects a collapsed representation. */
export class CollapseWatch {
  #limit: number;
  #patience: number;
  #steps = 0;

  /**
   * @param embedding Width d of z.
   * @param eps The paper's ε².
   * @param patience Number of consecutive collapsed steps after which the run ends.
   */
  constructor(embedding: number, eps: number, patience = 20) {
    this.#patience = patience;
    this.#limit = MARGIN * collapsedRate(embedding, eps);
  }

  /**
   * Checks the metrics of a step.
   *
   * @throws {EmpSslError} `COLLAPSED`.
   */
  watch(
    step: number,
    { invariance, tcr, effectiveRank }: StepLosses & { effectiveRank: number },
  ): void {
    const collapsed = effectiveRank < COLLAPSED_RANK ||
      invariance > INVARIANCE && tcr < this.#limit;
    this.#steps = collapsed ? this.#steps + 1 : 0;
    if (this.#steps < this.#patience) return;
    throw new EmpSslError({
      action: "continue after",
      subject: `step ${step}`,
      found:
        `the representation has collapsed: for ${this.#patience} steps all ` +
        `images had nearly one embedding (invariance ${
          invariance.toFixed(3)
        }, coding rate ${tcr.toFixed(2)}, effective rank ${
          effectiveRank.toFixed(2)
        })`,
      remedy:
        "start a new run with a lower --lr, and for EMP-SSL a lower --patch-sim " +
        "(--init takes the weights of an earlier checkpoint)",
      code: "COLLAPSED",
    });
  }
}
