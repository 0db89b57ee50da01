/** Every transform against Pillow's and torchvision's own bytes. */
import { assertEquals } from "@std/assert";
import { adjustBrightness } from "../src/patches/brightness.ts";
import { gaussianBlur } from "../src/patches/blur.ts";
import { jitter } from "../src/patches/color_jitter.ts";
import { adjustContrast } from "../src/patches/contrast.ts";
import { flip } from "../src/patches/flip.ts";
import { grayscale } from "../src/patches/grayscale.ts";
import { adjustHue } from "../src/patches/hue.ts";
import { cropAndResize, type Interpolation } from "../src/patches/resize.ts";
import { adjustSaturation } from "../src/patches/saturation.ts";
import { solarize } from "../src/patches/solarize.ts";
import { photo } from "./formula.ts";

interface Case {
  transform: string;
  source: [number, number, number] | "every colour";
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

function crop(c: Case): Uint8Array {
  const [width, height, seed] = c.source as [number, number, number];
  const [left, top, w, h] = c.box;
  const output = new Uint8Array(c.size * c.size * 3);
  cropAndResize(
    photo(width, height, seed),
    { left, top, width: w, height: h },
    c,
    output,
  );
  return output;
}

function jitterOf(c: Case) {
  const [brightness, contrast, saturation, hue] = c.factors;
  return { order: c.order, brightness, contrast, saturation, hue };
}

function run(c: Case): Uint8Array {
  if (c.transform === "resize") return crop(c);
  if (c.transform === "patch") {
    const patch = crop(c);
    flip(patch, c.size);
    jitter(patch, jitterOf(c));
    gaussianBlur(patch, c);
    solarize(patch);
    return patch;
  }
  const source = c.source === "every colour"
    ? { data: everyColour(), width: 4096 }
    : photo(...c.source);
  const { data, width: size } = source;
  switch (c.transform) {
    case "flip":
      flip(data, size);
      break;
    case "grayscale":
      grayscale(data);
      break;
    case "solarize":
      solarize(data);
      break;
    case "brightness":
      adjustBrightness(data, c.factor);
      break;
    case "contrast":
      adjustContrast(data, c.factor);
      break;
    case "saturation":
      adjustSaturation(data, c.factor);
      break;
    case "hue":
      adjustHue(data, c.factor);
      break;
    case "blur":
      gaussianBlur(data, { size, sigma: c.sigma });
      break;
    case "jitter":
      jitter(data, jitterOf(c));
      break;
    default:
      throw new Error(`no transform ${c.transform}`);
  }
  return data;
}

async function sha256(data: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", data as BufferSource);
  return new Uint8Array(hash).toHex().slice(0, 32);
}

for (const transform of new Set(golden.cases.map((c) => c.transform))) {
  Deno.test(`${transform} gives Pillow's bytes`, async () => {
    for (const c of golden.cases.filter((c) => c.transform === transform)) {
      const { sha256: wanted, ...parameters } = c;
      assertEquals(await sha256(run(c)), wanted, JSON.stringify(parameters));
    }
  });
}
