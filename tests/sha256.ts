/** The first half of a SHA-256 digest, as in the golden files. */
export async function sha256(data: Uint8Array | Uint16Array): Promise<string> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const hash = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return new Uint8Array(hash).toHex().slice(0, 32);
}
