/**
 * Data modules that a file names, and not the user.
 *
 * @module
 */
import { EmpSslError } from "../common/errors.ts";
import { isModule, moduleUrl } from "./own_data.ts";

/**
 * Refuses the address of a module on another machine, or one that holds the code itself,
 * where a checkpoint or a configuration file names it and the user does not: such a file
 * must not bring code from elsewhere. A module on this machine is accepted.
 *
 * @param data The stored name of the data.
 * @param where The file that names it.
 * @param remedy What to do, where `--data` is no choice.
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkStoredModule(
  data: string,
  where: string,
  remedy = "if you trust it, name it yourself with --data",
): void {
  const isRemote = isModule(data) && !moduleUrl(data).startsWith("file:");
  if (!isRemote) return;
  const short = data.length > 100 ? `${data.slice(0, 100)}…` : data;
  throw new EmpSslError({
    action: "import the data module of",
    subject: where,
    found:
      `it names ${short}, which would run code that is not on this machine`,
    remedy,
    code: "INVALID_ARGUMENT",
  });
}
