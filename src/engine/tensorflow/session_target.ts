/**
 * What a session runs on.
 *
 * @module
 */
import { cString, type TensorFlowC } from "./c_api.ts";
import { encodeSessionConfig, type SessionConfig } from "./session_config.ts";
import { withStatus } from "./status.ts";

/** What a session runs on. */
export interface SessionTarget {
  /** Its devices and threads. */
  config: SessionConfig;
  /** The server of this process, if it trains with other processes. */
  server?: string;
}

/** Calls a function with session options, which are freed afterwards. */
export function withSessionOptions<T>(
  c: TensorFlowC,
  { config, server }: SessionTarget,
  use: (options: Deno.PointerValue) => T,
): T {
  const options = c.TF_NewSessionOptions();
  try {
    const bytes = encodeSessionConfig(config);
    withStatus(
      c,
      (status) => c.TF_SetConfig(options, bytes, BigInt(bytes.length), status),
    );
    if (server !== undefined) c.TF_SetTarget(options, cString(server));
    return use(options);
  } finally {
    c.TF_DeleteSessionOptions(options);
  }
}
