/**
 * The address of a process of a cluster.
 *
 * @module
 */

/** Splits `host:port`. */
export function splitAddress(
  address: string,
): { hostname: string; port: number } {
  const colon = address.lastIndexOf(":");
  return {
    hostname: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
  };
}
