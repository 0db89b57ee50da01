/** Every transform gives the same bytes as Pillow and torchvision. */
import { assertEquals } from "@std/assert";
import { jitter } from "../src/patches/color_jitter.ts";
import { PlainTransforms } from "../src/patches/plain_transforms.ts";
import type { Interpolation } from "../src/patches/resize.ts";
import type { PatchTransforms } from "../src/patches/transforms.ts";
import { WasmTransforms } from "../src/patches/wasm/wasm_transforms.ts";
import { photo } from "./formula.ts";
import { transform } from "./golden_transform.ts";
import { sha256 } from "./sha256.ts";
import { startWith } from "./whole_patch.ts";

/** Width, height, the formula's seed, and whether it has no colour. */
type Source = [number, number, number, "grey"?];

interface Case {
  transform: string;
  source: Source | "every colour";
  sha256: string;
  factor: number;
  factors: number[];
  sigma: number;
  size: number;
  interpolation: Interpolation;
  box: [number, number, number, number];
  order: number[];
}

const golden: { pillow: string; cases: Case[] } = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/patches.json", import.meta.url)),
);

function everyColour(): Uint8Array {
  const data = new Uint8Array(3 << 24);
  for (let i = 0, o = 0; i < 1 << 24; i++) {
    data[o++] = i >> 16;
    data[o++] = i >> 8 & 255;
    data[o++] = i & 255;
  }
  return data;
}

function picture([width, height, seed, grey]: Source) {
  const image = photo(width, height, seed);
  if (grey) {
    image.data.forEach((_, i) => image.data[i] = image.data[i - i % 3]);
  }
  return image;
}

function crop(transforms: PatchTransforms, c: Case): void {
  const [left, top, w, h] = c.box;
  transforms.load(picture(c.source as Source));
  transforms.cropAndResize({ left, top, width: w, height: h }, c);
}

function jitterOf(c: Case) {
  const [brightness, contrast, saturation, hue] = c.factors;
  return { order: c.order, brightness, contrast, saturation, hue };
}

function run(transforms: PatchTransforms, c: Case): Uint8Array {
  if (c.transform === "resize" || c.transform === "patch") {
    crop(transforms, c);
    if (c.transform === "resize") return transforms.patch as Uint8Array;
    transforms.flip();
    jitter(transforms, jitterOf(c));
    transforms.gaussianBlur(c.sigma);
    transforms.solarize();
    return transforms.patch as Uint8Array;
  }
  const source = c.source === "every colour"
    ? { data: everyColour(), width: 4096, height: 4096 }
    : picture(c.source);
  startWith(transforms, source);
  if (c.transform === "jitter") jitter(transforms, jitterOf(c));
  else transform(transforms, c);
  return transforms.patch as Uint8Array;
}

const SUBJECTS = {
  TypeScript: new PlainTransforms(),
  WebAssembly: new WasmTransforms(),
};

for (const kind of new Set(golden.cases.map((c) => c.transform))) {
  for (const [name, transforms] of Object.entries(SUBJECTS)) {
    Deno.test(`${kind} gives Pillow's bytes in ${name}`, async () => {
      for (const c of golden.cases.filter((c) => c.transform === kind)) {
        const { sha256: wanted, ...parameters } = c;
        const found = await sha256(run(transforms, c));
        assertEquals(found, wanted, JSON.stringify(parameters));
      }
    });
  }
}
