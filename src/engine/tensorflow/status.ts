/**
 * Calls that end with a `TF_Status`.
 *
 * @module
 */
import { type TensorFlowC, textOf } from "./c_api.ts";

/** A call that failed: TensorFlow's error code, and its message in one line. */
export class TensorFlowError extends Error {
  /** A number of `absl::StatusCode`: 8 is `RESOURCE_EXHAUSTED`. */
  readonly status: number;

  /** Takes a status's code and message. */
  constructor(status: number, message: string) {
    super(message.replace(/\s+/g, " ").trim());
    this.name = "TensorFlowError";
    this.status = status;
  }
}

function check(c: TensorFlowC, status: Deno.PointerValue): void {
  const code = c.TF_GetCode(status);
  if (code !== 0) throw new TensorFlowError(code, textOf(c.TF_Message(status)));
}

/**
 * Calls a function that fills in a status.
 *
 * @param call Receives a new status, which is freed afterwards.
 * @throws {TensorFlowError} If the status is not OK.
 */
export function withStatus<T>(
  c: TensorFlowC,
  call: (status: Deno.PointerValue) => T,
): T {
  const status = c.TF_NewStatus();
  try {
    const result = call(status);
    check(c, status);
    return result;
  } finally {
    c.TF_DeleteStatus(status);
  }
}

/** As {@linkcode withStatus}, for a call that runs on another thread. */
export async function withStatusAsync<T>(
  c: TensorFlowC,
  call: (status: Deno.PointerValue) => Promise<T>,
): Promise<T> {
  const status = c.TF_NewStatus();
  try {
    const result = await call(status);
    check(c, status);
    return result;
  } finally {
    c.TF_DeleteStatus(status);
  }
}
