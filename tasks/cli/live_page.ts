/**
 * The live page of `train --dashboard`.
 *
 * @module
 */
import { atMost } from "../../src/common/call_options.ts";
import type { Dashboard } from "../../src/dashboard/dashboard.ts";
import { EmpSslError } from "../../src/common/errors.ts";
import type { Values } from "./flags.ts";

/** Starts the live page of `--dashboard`, before any long operation. */
export async function dashboardOf(
  values: Values,
): Promise<Dashboard | undefined> {
  const port = values.dashboard as number | undefined;
  if (port === undefined) return undefined;
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new EmpSslError({
      action: "serve the live page on",
      subject: `port ${port}`,
      found: "it is not a port",
      remedy: "give 1 to 65535, or 0 for any that is free",
      code: "INVALID_ARGUMENT",
    });
  }
  const { Dashboard } = await import("../../src/dashboard/dashboard.ts");
  const dashboard = Dashboard.serve(port);
  console.log(`Live page: ${dashboard.url}`);
  return dashboard;
}

/** Closes the live page: viewers have one second to read the last events. */
export async function closeLivePage(
  dashboard: Dashboard | undefined,
): Promise<void> {
  if (dashboard === undefined) return;
  await atMost(1000, dashboard.close());
}
