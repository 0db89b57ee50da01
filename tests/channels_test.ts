/** Images with other channels or bits than 8-bit RGB, against Pillow and PyTorch. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Buffer } from "node:buffer";
import { decodeBytes } from "../src/data/decode.ts";
import { formatOf, type Image, samples } from "../src/data/image.ts";
import { jitter } from "../src/patches/color_jitter.ts";
import { createTransforms } from "../src/patches/create_transforms.ts";
import { PlainTransforms } from "../src/patches/plain_transforms.ts";
import { checkChannels, RECIPES, withoutColor } from "../src/patches/recipe.ts";
import type { Interpolation } from "../src/patches/resize.ts";
import { EmpSslError } from "../src/common/errors.ts";
import { prepareRun } from "../src/train/config.ts";
import { noise, photo } from "./formula.ts";
import { transform } from "./golden_transform.ts";
import { withFolder } from "./images.ts";
import { sha256 } from "./sha256.ts";
import { startWith } from "./whole_patch.ts";

/** Width, height, the formula's seed, channels, bits. */
type Source = [number, number, number, number, 8 | 16];

interface Case {
  transform: string;
  source: Source;
  sha256: string;
  factor: number;
  factors: number[];
  sigma: number;
  size: number;
  interpolation: Interpolation;
  box: [number, number, number, number];
}

const golden: {
  cases: Case[];
  hues: { factor: number; values: number[] }[];
  files: Record<
    string,
    { bytes: string; channels: number; bits: 8 | 16; sha256: string }
  >;
} = JSON.parse(
  await Deno.readTextFile(
    new URL("../fixtures/channels.json", import.meta.url),
  ),
);

/** A case's image: each channel from `photo`; 16 bits have noise in the low byte. */
function picture([width, height, seed, channels, bits]: Source): Image {
  const data = samples(width * height * channels, bits);
  for (let c = 0; c < channels; c++) {
    const red = photo(width, height, seed + c).data;
    const low = noise(width * height, seed + c);
    for (let i = 0; i < width * height; i++) {
      const value = red[3 * i]!;
      data[i * channels + c] = bits === 8
        ? value
        : ((value >> 1) + 64) * 256 + low[i]!;
    }
  }
  return { width, height, channels, data };
}

function run(c: Case): Uint8Array | Uint16Array {
  const image = picture(c.source), transforms = new PlainTransforms();
  if (c.box) {
    const [left, top, width, height] = c.box;
    transforms.load(image);
    transforms.cropAndResize({ left, top, width, height }, c);
  } else startWith(transforms, image);
  if (c.transform === "patch") {
    transforms.flip();
    transforms.adjustBrightness(c.factors[0]!);
    transforms.adjustContrast(c.factors[1]!);
    transforms.gaussianBlur(c.sigma);
    transforms.solarize();
  } else if (c.transform !== "resize") transform(transforms, c);
  return transforms.patch;
}

Deno.test("transforms of any channels give Pillow's numbers", async () => {
  for (const c of golden.cases) {
    const { transform, source, size, interpolation, box } = c;
    const name = JSON.stringify([transform, source, size, interpolation, box]);
    assertEquals(await sha256(run(c)), c.sha256, name);
  }
});

Deno.test("a jitter of strength 0 changes no value, of any channels", async () => {
  const neutral = { brightness: 1, contrast: 1, saturation: 1, hue: 0 };
  for (const channels of [1, 3, 4]) {
    for (const bits of [8, 16] as const) {
      const image = picture([32, 32, 5, channels, bits]);
      const transforms = await createTransforms({ channels, bits });
      startWith(transforms, image);
      jitter(transforms, { order: [3, 0, 2, 1], ...neutral });
      assertEquals([...transforms.patch], [...image.data], `${channels}`);
    }
  }
});

Deno.test("the hue of 16 bits is torchvision's of a tensor", () => {
  const image = picture([16, 16, 5, 3, 16]);
  for (const { factor, values } of golden.hues) {
    const transforms = new PlainTransforms();
    startWith(transforms, image);
    transforms.adjustHue(factor);
    transforms.patch.forEach((value, i) =>
      assert(Math.abs(value - values[i]!) <= 2, `${factor} ${i}: ${value}`)
    );
  }
});

Deno.test("channels of 16 bits are not read as 8 unless that is asked for", async () => {
  await withFolder(async (dir) => {
    const { bytes, channels } = golden.files["big-endian.npy"]!;
    for (const i of [1, 2]) {
      await Deno.writeFile(`${dir}/${i}.npy`, Uint8Array.fromBase64(bytes));
    }
    const choices = {
      data: "images",
      dataDir: dir,
      bs: 2,
      model: { channels },
    };
    const error = await assertRejects(() => prepareRun(choices), EmpSslError);
    assertStringIncludes(error.message, "of which the upper 8 would be read");
    for (const bits of [8, 16] as const) {
      const { config } = await prepareRun({ ...choices, bits });
      assertEquals(config.bits ?? 8, bits);
    }
  });
});

Deno.test("16 bits are blurred, lightened and inverted as 8 are", () => {
  const wide = picture([32, 32, 3, 2, 16]);
  const narrow = {
    ...wide,
    data: Uint8Array.from(wide.data, (value) => value >> 8),
  };
  for (
    const change of [
      (t: PlainTransforms) => t.gaussianBlur(1.3),
      (t: PlainTransforms) => t.adjustBrightness(0.7),
      (t: PlainTransforms) => t.adjustContrast(1.3),
      (t: PlainTransforms) => t.solarize(),
    ]
  ) {
    const [a, b] = [wide, narrow].map((image) => {
      const transforms = new PlainTransforms();
      startWith(transforms, image);
      change(transforms);
      return transforms.patch;
    });
    // Each rounding of a byte is off by up to 1, or 256 on the scale of 16 bits.
    a!.forEach((value, i) =>
      assert(Math.abs(value - 256 * b![i]!) < 3 * 256, `${value} ${b![i]}`)
    );
    assert(a!.some((value) => value % 256 !== 0));
  }
});

for (const [name, file] of Object.entries(golden.files)) {
  Deno.test(`decodeBytes() reads ${name} with its channels and bits`, async () => {
    const { channels, bits, sha256: wanted } = file;
    const bytes = Uint8Array.fromBase64(file.bytes);
    const image = await decodeBytes(bytes, name, {
      pixels: { channels, bits },
    });
    assertEquals(formatOf(image), { channels, bits });
    assertEquals(await sha256(image.data), wanted);
    // A Buffer of Node, whose slices share its memory.
    const buffer = Buffer.concat([Buffer.from("x"), bytes]).subarray(1);
    const same = await decodeBytes(buffer, name, {
      pixels: { channels, bits },
    });
    assertEquals(await sha256(same.data), wanted);
  });
}

Deno.test("an image of other channels than asked for is refused", async () => {
  const bytes = Uint8Array.fromBase64(golden.files["five bands.tif"]!.bytes);
  const error = await decodeBytes(bytes, "a.tif", {
    pixels: { channels: 4, bits: 8 },
  }).catch((error) => error);
  assertStringIncludes(
    error.message,
    "Cannot decode a.tif: it has 5 channels of 8 bits (expected 4 channels of 8 bits)",
  );
});

Deno.test("a recipe's steps of colour are refused where there is none", () => {
  const fault = (change: object, channels: number) => {
    try {
      checkChannels({ ...withoutColor(RECIPES.cifar), ...change }, channels);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  assertEquals(fault({}, 1), "");
  assertStringIncludes(
    fault({ grayscale: 0.2 }, 4),
    "recipe grayscale: images of 4 channels are not RGB, set it to 0",
  );
  assertStringIncludes(
    fault({ jitter: RECIPES.cifar.jitter }, 1),
    "recipe jitter.saturation: images of 1 channel are not RGB",
  );
  assertStringIncludes(
    fault({ normalize: { mean: [0.5], std: [1, 1, 1] } }, 4),
    "recipe normalize.std: it has 3 numbers for 4 channels, give one, or 4",
  );
});
