/**
 * Turns the TensorFlow errors of session runs into EmpSslErrors that tell a user
 * the cause and a remedy.
 *
 * @module
 */
import { EmpSslError, type ErrorCode } from "../../common/errors.ts";
import { AFTER_DIVERGENCE } from "../../common/remedies.ts";
import { NODES } from "../trace/names.ts";
import { TensorFlowError } from "./status.ts";

/** Numbers of `absl::StatusCode`. */
const INVALID_ARGUMENT = 3, RESOURCE_EXHAUSTED = 8, UNAVAILABLE = 14;

/** The messages of linear algebra on a matrix that contains NaN or infinity. */
const NOT_FINITE =
  /not invertible|Cholesky decomposition was not successful|contains? (NaN|Inf)/i;
const OUT_OF_MEMORY = /\bOOM\b|out of memory|failed to allocate/i;

interface Kind {
  code: ErrorCode;
  found: string;
  remedy: string;
}

function kindOf(
  { status, message }: TensorFlowError,
  isTraining: boolean,
): Kind {
  const short = message.slice(0, 300);
  if (status === RESOURCE_EXHAUSTED || OUT_OF_MEMORY.test(message)) {
    return {
      code: "STEP_FAILED",
      found: `the device is out of memory (${message.slice(0, 200)})`,
      remedy: isTraining
        ? "free some of it and go on with --resume from the last checkpoint, or start again with a " +
          "smaller --micro-batch, --bs or --num-patches"
        : "free some of it",
    };
  }
  if (status === INVALID_ARGUMENT && NOT_FINITE.test(message)) {
    return {
      code: "NOT_FINITE",
      found: `the embeddings are not finite (${message.slice(0, 120)})`,
      remedy: AFTER_DIVERGENCE,
    };
  }
  if (status === UNAVAILABLE) {
    return {
      code: "PEER_LOST",
      found: `another process cannot be reached (${short})`,
      remedy: "start all processes again with --resume; " +
        "earlier checkpoints are kept",
    };
  }
  return {
    code: "STEP_FAILED",
    found: short,
    remedy:
      "report this with the command you ran; earlier checkpoints are kept",
  };
}

/**
 * The error of a run.
 *
 * @param error The error that the run threw.
 * @param fetches The fetched nodes.
 * @returns An EmpSslError with the code `STEP_FAILED`, `NOT_FINITE` or `PEER_LOST`;
 * `error` itself if TensorFlow did not raise it.
 *
 * @example A matrix that cannot be inverted means that training has diverged
 * ```ts
 * import { codeOf } from "../../common/errors.ts";
 * import { TensorFlowError } from "./status.ts";
 * import { stepError } from "./step_error.ts";
 *
 * const error = new TensorFlowError(3, "Input is not invertible.");
 * console.assert(codeOf(stepError(error, ["loss"])) === "NOT_FINITE");
 * ```
 */
export function stepError(error: unknown, fetches: string[]): unknown {
  if (!(error instanceof TensorFlowError)) return error;
  return new EmpSslError({
    action: "compute",
    subject: fetches.slice(0, 3).join(", "),
    ...kindOf(error, !fetches.includes(NODES.features)),
    cause: error,
  });
}
