/** The inputs of the golden files, as fixtures/formula.py computes them. */
import type { Image } from "../src/data/image.ts";

/** `count` bytes: the high bits of a linear congruential generator. */
export function noise(count: number, seed: number): Uint8Array {
  const out = new Uint8Array(count);
  let x = seed >>> 0;
  for (let i = 0; i < count; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    out[i] = x >>> 24;
  }
  return out;
}

/** An RGB image with slopes, edges and some noise. */
export function photo(width: number, height: number, seed: number): Image {
  const data = noise(width * height * 3, seed);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const planes = [
        (x * 5 + y * 3 + seed * 31) % 256,
        (x * y + seed * 17) % 256,
        (Math.floor(x / 7) + Math.floor(y / 5)) % 2 * 180 + 30,
      ];
      for (const plane of planes) {
        const value = plane + (data[o] >> 3) - 16;
        data[o++] = Math.max(0, Math.min(255, value));
      }
    }
  }
  return { width, height, data };
}

/** `count` floats, uniform in ±scale, by MurmurHash3's finaliser of (index, i). */
export function hashed(
  count: number,
  index: number,
  scale: number,
): Float32Array {
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let v = (Math.imul(i, 2654435761) + index * 40503 + 1) >>> 0;
    v = Math.imul(v ^ (v >>> 15), 2246822519) >>> 0;
    v = Math.imul(v ^ (v >>> 13), 3266489917) >>> 0;
    v = (v ^ (v >>> 16)) >>> 0;
    out[i] = scale * (v / 2147483648 - 1);
  }
  return out;
}
