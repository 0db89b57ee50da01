/**
 * bmp-ts: decodes BMP, which sharp does not. It is loaded on first use.
 *
 * @module
 */

/** A decoded BMP: four bytes a pixel, of which the last three are B, G, R. */
interface Bmp {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Loads the decoder. */
export async function loadBmpDecoder(): Promise<(bytes: Uint8Array) => Bmp> {
  const { Buffer } = await import("node:buffer");
  const { decode } = await import("npm:bmp-ts@1.0.9");
  return (bytes) => decode(Buffer.from(bytes)) as unknown as Bmp;
}
