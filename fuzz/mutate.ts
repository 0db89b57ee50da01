/**
 * Mutates valid files.
 *
 * @module
 */
import type { RandomStream } from "../src/common/random.ts";

/** Edge cases of lengths and offsets. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0xffffffff];
/** Edge cases of names and numbers in text. */
const TEXTS = ["../", "/", "-1", "1e999", "null", "[]", "{}", '"', "\0", "é"];

/** One to eight changes: of bits, bytes or numbers, cuts, repeats, texts, deletions. */
export function mutate(
  file: Uint8Array,
  random: RandomStream,
): Uint8Array {
  let bytes = file.slice();
  const changes = 1 + random.below(8);
  for (let i = 0; i < changes && bytes.length > 0; i++) {
    const at = random.below(bytes.length);
    switch (random.below(7)) {
      case 0:
        bytes[at] ^= 1 << random.below(8);
        break;
      case 1:
        bytes[at] = random.below(256);
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3: {
        const end = Math.min(bytes.length, at + 1 + random.below(64));
        bytes = join(bytes.subarray(0, end), bytes.subarray(at));
        break;
      }
      case 4: {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        if (at + 4 > bytes.length) break;
        view.setUint32(at, EDGES[random.below(EDGES.length)], true);
        break;
      }
      case 5: {
        const text = TEXTS[random.below(TEXTS.length)];
        const middle = new TextEncoder().encode(text);
        bytes = join(bytes.subarray(0, at), middle, bytes.subarray(at));
        break;
      }
      default: {
        const end = Math.min(bytes.length, at + 1 + random.below(64));
        bytes = join(bytes.subarray(0, at), bytes.subarray(end));
      }
    }
  }
  return bytes;
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
