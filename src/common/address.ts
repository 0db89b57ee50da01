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

/**
 * Where process 0 listens for the others: at TensorFlow's port + 1000, or − 1000 where
 * that would exceed 65535.
 */
export function rendezvousAddress(
  address: string,
): { hostname: string; port: number } {
  const { hostname, port } = splitAddress(address);
  return { hostname, port: port + 1000 <= 65535 ? port + 1000 : port - 1000 };
}
