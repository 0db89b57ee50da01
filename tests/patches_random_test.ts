/** The distributions of the random choices, over many draws of a fixed seed. */
import { assert, assertEquals } from "@std/assert";
import { drawJitter } from "../src/patches/color_jitter.ts";
import { drawCrop } from "../src/patches/crop.ts";
import { cutWhole, RECIPES } from "../src/patches/recipe.ts";
import type { PatchTransforms } from "../src/patches/transforms.ts";
import { Purpose, RandomStream } from "../src/common/random.ts";

const stream = () =>
  new RandomStream({ seed: 42, purpose: Purpose.patch, at: [] });

/** Asserts a share of n draws to within four standard deviations. */
function assertShare(hits: number, n: number, wanted: number): void {
  const deviation = Math.sqrt(wanted * (1 - wanted) / n);
  const share = hits / n;
  assert(Math.abs(share - wanted) < 4 * deviation, `${share} for ${wanted}`);
}

Deno.test("square crops of CIFAR are 16×16, at every place alike", () => {
  const random = stream(), n = 17 * 17 * 100;
  const counts = new Map<number, number>();
  for (let i = 0; i < n; i++) {
    const size = { width: 32, height: 32 };
    const box = drawCrop(size, RECIPES.cifar.crop, random);
    assertEquals([box.width, box.height], [16, 16]);
    const place = box.top * 17 + box.left;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  assertEquals(counts.size, 17 * 17);
  // Chi-squared with 288 degrees of freedom: mean 288, standard deviation 24.
  let chi = 0;
  for (const count of counts.values()) chi += (count - 100) ** 2 / 100;
  assert(chi > 288 - 96 && chi < 288 + 96, `${chi}`);
});

Deno.test("ImageNet crops hold a quarter of the area, their ratio log-uniform", () => {
  const random = stream(), n = 20000;
  let narrow = 0;
  for (let i = 0; i < n; i++) {
    const box = drawCrop(
      { width: 500, height: 375 },
      RECIPES.imagenet.crop,
      random,
    );
    const area = box.width * box.height / (500 * 375);
    const ratio = box.width / box.height;
    assert(Math.abs(area - 0.25) < 0.005, `${area}`);
    assert(ratio > 0.74 && ratio < 1.35, `${ratio}`);
    assert(box.left + box.width <= 500 && box.top + box.height <= 375);
    if (ratio < 1) narrow++;
  }
  assertShare(narrow, n, 0.5);
});

Deno.test("an image that no crop fits gets the largest central one", () => {
  const box = drawCrop(
    { width: 400, height: 20 },
    RECIPES.imagenet.crop,
    stream(),
  );
  assertEquals(box, { top: 0, left: 186, width: 27, height: 20 });
});

Deno.test("a whole image's square lies where torchvision's CenterCrop has it", () => {
  // int(round(margin / 2)) of Python: 36.5 to 36, 1.5 to 2, 12 to 12.
  const places: [size: [number, number], left: number, top: number][] = [
    [[374, 301], 36, 0],
    [[303, 300], 2, 0],
    [[300, 324], 0, 12],
  ];
  for (const [[width, height], left, top] of places) {
    const side = Math.min(width, height), size = 64;
    let cut: unknown;
    const transforms = { cropAndResize: (box: unknown) => cut = box };
    cutWhole({ width, height }, {
      ...{ recipe: RECIPES.cifar, size },
      transforms: transforms as unknown as PatchTransforms,
    });
    assertEquals(cut, { left, top, width: side, height: side });
  }
});

Deno.test("the jitter's 24 orders are alike and its factors uniform", () => {
  const random = stream(), n = 24000;
  const orders = new Map<string, number>();
  const low = { brightness: 0, contrast: 0, saturation: 0, hue: 0 };
  for (let i = 0; i < n; i++) {
    const draw = drawJitter(RECIPES.cifar.jitter, random);
    const order = draw.order.join("");
    orders.set(order, (orders.get(order) ?? 0) + 1);
    for (const key of ["brightness", "contrast", "saturation"] as const) {
      assert(draw[key] >= 0.6 && draw[key] <= 1.4);
      if (draw[key] < 0.8) low[key]++;
    }
    assert(Math.abs(draw.hue) <= 0.2);
    if (draw.hue < -0.1) low.hue++;
  }
  assertEquals(orders.size, 24);
  for (const count of orders.values()) assertShare(count, n, 1 / 24);
  for (const count of Object.values(low)) assertShare(count, n, 0.25);
});
