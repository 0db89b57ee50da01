/**
 * TensorFlow's gRPC server, through which the other processes of a cluster reach
 * this one.
 *
 * @module
 */
import { EmpSslError, messageOf } from "../../common/errors.ts";
import { splitAddress } from "../../common/address.ts";
import { type TensorFlowC, textOf } from "./c_api.ts";
import { listenOnlyOn } from "./listen_filter.ts";
import { encodeServerConfig, type ServerConfig } from "./session_config.ts";
import { withStatus } from "./status.ts";

/** The error of a server that cannot listen on its address. */
function addressError(address: string, found: string): EmpSslError {
  return new EmpSslError({
    action: "listen on",
    subject: address,
    found,
    remedy: "give this machine's own address and a free port in --cluster",
    code: "INVALID_ARGUMENT",
  });
}

/**
 * Tries to listen on an address. TensorFlow's error for a taken port only says that
 * the server could not start.
 */
function tryAddress(address: string): void {
  try {
    Deno.listen(splitAddress(address)).close();
  } catch (error) {
    throw addressError(
      address,
      error instanceof Deno.errors.AddrInUse
        ? "the port is taken"
        : error instanceof Deno.errors.AddrNotAvailable
        ? "it is not an address of this machine"
        : messageOf(error),
    );
  }
}

/**
 * Starts the server of this process. It runs until the process ends:
 * TensorFlow's servers cannot be stopped.
 *
 * @returns The target for sessions, and whether the server is reachable through
 * its own address only.
 * @throws {EmpSslError} `INVALID_ARGUMENT` if it cannot listen.
 */
export async function startServer(
  c: TensorFlowC,
  config: ServerConfig,
): Promise<{ target: string; alone: boolean }> {
  const address = config.addresses[config.task]!;
  tryAddress(address);
  const definition = encodeServerConfig(config);
  try {
    const server = withStatus(
      c,
      (status) => c.TF_NewServer(definition, BigInt(definition.length), status),
    );
    // The server's socket listens already, but serves no requests yet.
    const { hostname, port } = splitAddress(address);
    const alone = await listenOnlyOn(hostname, port);
    withStatus(c, (status) => c.TF_ServerStart(server, status));
    return { target: textOf(c.TF_ServerTarget(server)), alone };
  } catch (error) {
    throw addressError(address, messageOf(error));
  }
}
