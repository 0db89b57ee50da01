/**
 * How a flag of a run is refused.
 *
 * @module
 */
import { EmpSslError } from "../errors.ts";

/** Refuses a flag of a run. */
export function refuse(flag: string, found: string, remedy: string): never {
  throw new EmpSslError({
    action: "train with",
    subject: flag,
    found,
    remedy,
    code: "INVALID_ARGUMENT",
  });
}
