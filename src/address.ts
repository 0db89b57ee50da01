/**
 * Where a process of a cluster is reached.
 *
 * @module
 */

/** `host:port`, taken apart. */
export function splitAddress(
  address: string,
): { hostname: string; port: number } {
  const colon = address.lastIndexOf(":");
  return {
    hostname: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
  };
}
