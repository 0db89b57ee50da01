import { assertEquals, assertThrows } from "@std/assert";
import {
  findCheckpoint,
  readCheckpoint,
  writeAtomically,
} from "../src/train/checkpoint.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
} from "../src/train/safetensors.ts";
import { withFolder } from "./images.ts";

const FILE = encodeSafetensors([
  { name: "a", shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) },
  { name: "b", shape: [1], values: Float32Array.of(5) },
], { note: "hello" });

/** The same file with another header. */
function withHeader(change: (header: Record<string, unknown>) => void) {
  const length = Number(new DataView(FILE.buffer).getBigUint64(0, true));
  const header = JSON.parse(
    new TextDecoder().decode(FILE.subarray(8, 8 + length)),
  );
  change(header);
  const head = new TextEncoder().encode(JSON.stringify(header));
  const data = FILE.subarray(8 + length);
  const file = new Uint8Array(8 + head.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  file.set(data, 8 + head.length);
  return file;
}

Deno.test("safetensors go there and back", () => {
  const { tensors, metadata } = decodeSafetensors(FILE, "x");
  assertEquals([...tensors.get("a")!.values], [1, 2, 3, 4]);
  assertEquals(tensors.get("a")!.shape, [2, 2]);
  assertEquals(metadata, { note: "hello" });
});

Deno.test("decodeSafetensors() refuses hostile files", () => {
  const entry = (from: number, to: number, shape: unknown = [2, 2]) => ({
    dtype: "F32",
    shape,
    data_offsets: [from, to],
  });
  const huge = FILE.slice();
  new DataView(huge.buffer).setBigUint64(0, 2n ** 60n, true);
  const bad: [Uint8Array, string][] = [
    [new Uint8Array(3), "shorter than its header"],
    [huge, "claims 1152921504606846976 bytes"],
    [FILE.subarray(0, FILE.length - 4), "does not fit"],
    [withHeader((h) => h.a = entry(0, 99)), "does not fit"],
    [withHeader((h) => h.a = entry(8, 0)), "does not fit"],
    [withHeader((h) => h.a = entry(0, 16, [3])), "does not fit"],
    [withHeader((h) => h.a = entry(0, 16, [-2, -2])), "malformed"],
    [withHeader((h) => h.a = entry(0, 16, "2")), "malformed"],
    [withHeader((h) => h.a = 3), "malformed"],
    [withHeader((h) => h.b = entry(12, 16, [1])), "overlap"],
  ];
  for (const [file, why] of bad) {
    assertThrows(() => decodeSafetensors(file, "x"), Error, why);
  }
  const noise = FILE.slice();
  noise.fill(255, 8, 12);
  assertThrows(() => decodeSafetensors(noise, "x"), Error, "is not JSON");
});

Deno.test("a file is written whole or not at all", async () => {
  await withFolder(async (dir) => {
    const path = `${dir}/a.bin`;
    writeAtomically(path, Uint8Array.of(1));
    writeAtomically(path, Uint8Array.of(2, 3));
    assertEquals([...await Deno.readFile(path)], [2, 3]);
    assertEquals([...Deno.readDirSync(dir)].length, 1);
    assertThrows(
      () => writeAtomically(`${dir}/none/a.bin`, Uint8Array.of(1)),
      Error,
      "Cannot write",
    );
  });
});

Deno.test("findCheckpoint() takes a folder's last, and says what is wrong", async () => {
  await withFolder(async (dir) => {
    assertThrows(() => findCheckpoint(dir), Error, "no checkpoint in it");
    assertThrows(() => findCheckpoint(`${dir}/x`), Error, "no such file");
    for (const n of ["0001", "0010", "0009"]) {
      await Deno.writeFile(`${dir}/checkpoint-${n}.safetensors`, FILE);
    }
    assertEquals(findCheckpoint(dir), `${dir}/checkpoint-0010.safetensors`);
    assertThrows(() => readCheckpoint(dir), Error, "no configuration of ours");
  });
});
