/** Files that are damaged or crafted, of which decoders say nothing: refused by name. */
import { assertEquals, assertRejects } from "@std/assert";
import { decodeBytes } from "../src/data/decode.ts";
import { openDataset } from "../src/data/open_dataset.ts";
import { loadSharp } from "../src/deps/sharp.ts";
import { withFolder, writeImages } from "./images.ts";

const SIDE = 64;

/** Pixels without areas of one value. */
const NOISE = Uint8Array.from(
  { length: 3 * SIDE * SIDE },
  (_, i) => Math.imul(i + 1, 2654435761) >>> 24,
);

/** A TIFF's header and its directory of tags with one number each. */
function tiff(
  tags: readonly (readonly [tag: number, value: number])[],
): Uint8Array {
  const bytes = new Uint8Array(8 + 2 + 12 * tags.length + 4);
  const view = new DataView(bytes.buffer);
  bytes.set([0x49, 0x49, 42, 0, 8]);
  view.setUint16(8, tags.length, true);
  tags.forEach(([tag, value], i) => {
    view.setUint16(10 + 12 * i, tag, true);
    view.setUint16(12 + 12 * i, 4, true);
    view.setUint32(14 + 12 * i, 1, true);
    view.setUint32(18 + 12 * i, value, true);
  });
  return bytes;
}

Deno.test("a TIFF that is cut short is refused, not black", async () => {
  const pixels = NOISE.subarray(0, SIDE * SIDE);
  const directory = tiff([
    ...[[256, SIDE], [257, SIDE], [258, 8], [259, 1], [262, 1]] as const,
    // One strip, after the directory.
    ...[[273, 122], [277, 1], [278, SIDE], [279, SIDE * SIDE]] as const,
  ]);
  assertEquals(directory.length, 122);
  const whole = new Uint8Array([...directory, ...pixels]);
  const { data } = await decodeBytes(whole, "whole.tif");
  assertEquals([...data.filter((_, i) => i % 3 === 0)], [...pixels]);
  await assertRejects(
    () => decodeBytes(whole.slice(0, 0.7 * whole.length), "cut.tif"),
    Error,
    "Cannot decode cut.tif: ",
  );
});

Deno.test("a TIFF with a warning about its tags has its pixels", async () => {
  const pixels = NOISE.subarray(0, SIDE * SIDE), software = "no NUL at end";
  const file = tiff([
    ...[[256, SIDE], [257, SIDE], [258, 8], [259, 1], [262, 1]] as const,
    ...[[273, 134 + software.length], [277, 1], [278, SIDE]] as const,
    ...[[279, SIDE * SIDE], [305, 134]] as const,
  ]);
  assertEquals(file.length, 134);
  // The last tag is a text of so many letters.
  const view = new DataView(file.buffer), last = 10 + 12 * 9;
  view.setUint16(last + 2, 2, true);
  view.setUint32(last + 4, software.length, true);
  const text = new TextEncoder().encode(software);
  const whole = new Uint8Array([...file, ...text, ...pixels]);
  const { data } = await decodeBytes(whole, "whole.tif");
  assertEquals([...data.filter((_, i) => i % 3 === 0)], [...pixels]);
  const cut = whole.slice(0, 0.7 * whole.length);
  await assertRejects(() => decodeBytes(cut, "cut.tif"), Error, "cut.tif");
});

Deno.test("a TIFF of YCbCr is refused, not taken for RGB", async () => {
  const pixels = NOISE.subarray(0, 3 * SIDE * SIDE);
  const file = (photometric: number) =>
    new Uint8Array([
      ...tiff([
        ...[[256, SIDE], [257, SIDE], [258, 8], [259, 1]] as const,
        // One strip, after the directory; one bit depth stands for all channels.
        ...[[262, photometric], [273, 122], [277, 3], [278, SIDE]] as const,
        [279, pixels.length],
      ]),
      ...pixels,
    ]);
  const { data } = await decodeBytes(file(2), "rgb.tif");
  assertEquals([...data], [...pixels]);
  await assertRejects(
    () => decodeBytes(file(6), "ycbcr.tif"),
    Error,
    "Cannot decode ycbcr.tif: its colours are YCbCr without JPEG compression",
  );
});

Deno.test("a PGM of 16 bits keeps them where they are wanted", async () => {
  const head = new TextEncoder().encode("P5 2 1 4095\n");
  const file = new Uint8Array([...head, 0x0f, 0xff, 0x01, 0x00]);
  const wide = await decodeBytes(file, "a.pgm", {
    pixels: { channels: 1, bits: 16 },
  });
  assertEquals([...wide.data], [65535, Math.round(256 * 65535 / 4095)]);
  const { data } = await decodeBytes(file, "a.pgm");
  assertEquals([...data], [255, 255, 255, 16, 16, 16]);
});

Deno.test("a JPEG that is damaged in the middle is refused, not grey", async () => {
  const sharp = await loadSharp();
  const raw = { width: SIDE, height: SIDE, channels: 3 } as const;
  const whole = new Uint8Array(
    await sharp(NOISE, { raw }).jpeg({ quality: 90 }).toBuffer(),
  );
  await decodeBytes(whole, "whole");
  const damaged = whole.slice();
  // A marker that ends the image, in the middle of its data.
  damaged.set([0xff, 0xd9], whole.length >> 1);
  await assertRejects(
    () => decodeBytes(damaged, "damaged.jpg"),
    Error,
    "Cannot decode damaged.jpg: ",
  );
});

Deno.test("a drawing is no image, whatever its name is", async () => {
  const svg = new TextEncoder().encode(
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
  );
  await assertRejects(
    () => decodeBytes(svg, "a.png"),
    Error,
    "Cannot decode a.png: it is a drawing (svg), not an image",
  );
});

Deno.test("a TIFF of more tiles than it can list is refused at once", async () => {
  const pixels = { channels: 5, bits: 8 } as const;
  for (const tile of [1, 0]) {
    const file = tiff([
      ...[[256, 9000], [257, 9000], [258, 8], [259, 1], [262, 1]] as const,
      ...[[277, 5], [322, tile], [323, tile], [324, 8], [325, 1]] as const,
    ]);
    await assertRejects(
      () => decodeBytes(file, "tiles.tif", { pixels }),
      Error,
      "its parts are smaller than the file can list",
    );
  }
});

/** A BMP of 32 bits a pixel with the header of version 4. */
function bitmap(width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(14 + 108 + 4 * width * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(10, 122, true);
  view.setUint32(14, 108, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 32, true);
  for (let i = 0; i < width * height; i++) bytes.set([30, 20, 10], 122 + 4 * i);
  return bytes;
}

Deno.test("a BMP with unused masks has its colours; one without pixels is none", async () => {
  const { data } = await decodeBytes(bitmap(2, 1), "two.bmp");
  assertEquals([...data], [10, 20, 30, 10, 20, 30]);
  for (const [width, height] of [[0, 5], [5, 0]] as const) {
    await assertRejects(
      () => decodeBytes(bitmap(width, height), "none.bmp"),
      Error,
      "pixels",
    );
  }
});

Deno.test("an image that is shrunk keeps the wanted channels", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 1 });
    const images = await openDataset({
      ...{ name: "images", dir, split: "train", shrinkTo: 8 },
      pixels: { channels: 1, bits: 8 },
    });
    const { channels, width, height, data } = await images.image(0);
    assertEquals([channels, data.length], [1, width * height]);
  });
});

/** A member of a tar archive: its header, and its content in whole blocks. */
function member(
  name: string,
  kind: string,
  size: string,
  content = "",
): string {
  const fields = [
    ...[name.padEnd(100, "\0"), "0000644\0", "0000000\0", "0000000\0"],
    ...[size.padStart(11, "0") + "\0", "00000000000\0"],
  ].join("");
  const rest = kind + "\0".repeat(100) + "ustar\x0000";
  const bare = (fields + " ".repeat(8) + rest).padEnd(512, "\0");
  const sum = [...bare].reduce((n, c) => n + c.charCodeAt(0), 0);
  const checked = `${sum.toString(8).padStart(6, "0")}\0 `;
  return (fields + checked + rest).padEnd(512, "\0") +
    content.padEnd(Math.ceil(content.length / 512) * 512, "\0");
}

Deno.test("a tar archive whose sizes are no numbers ends with an error", async () => {
  await withFolder(async (dir) => {
    const path = `${dir}/train-0.tar`, end = "\0".repeat(1024);
    const pax = "15 size=-1536\n";
    const archives = [
      member("a", "x", "16", pax) + member("1.png", "0", "3", "abc"),
      member("1.png", "0", "-3000", "abc"),
      member("1.png", "0", "9", "abc"),
    ];
    for (const text of archives) {
      await Deno.writeTextFile(path, text + end);
      const open = () =>
        openDataset({ name: "webdataset", dir, split: "train" });
      await assertRejects(open, Error, "it is truncated");
    }
    await Deno.writeTextFile(
      path,
      member("1.png", "0", "3", "abc") + member("1.png", "0", "3", "abd") + end,
    );
    await assertRejects(
      () => openDataset({ name: "webdataset", dir, split: "train" }),
      Error,
      "it has 1.png twice in a sample",
    );
  });
});
