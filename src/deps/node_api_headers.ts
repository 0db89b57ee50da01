/**
 * Node-API's C headers, to compile tfjs-node-gpu's binding with.
 *
 * @module
 */
/** The folder with `node_api.h`. */
export async function nodeApiIncludeFolder(): Promise<string> {
  const { default: headers } = await import("npm:node-api-headers@1.9.0");
  return (headers as unknown as { include_dir: string }).include_dir;
}
