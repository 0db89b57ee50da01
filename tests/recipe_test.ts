/** Recipes that a user has written. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createTransforms } from "../src/patches/create_transforms.ts";
import { PlainTransforms } from "../src/patches/plain_transforms.ts";
import { quarterTurn } from "../src/patches/quarter_turn.ts";
import { cutPatch, type Recipe, RECIPES } from "../src/patches/recipe.ts";
import { completeRecipe } from "../src/patches/recipe_schema.ts";
import { verticalFlip } from "../src/patches/vertical_flip.ts";
import { prepareRun } from "../src/train/config.ts";
import { Purpose, RandomStream } from "../src/common/random.ts";
import { photo } from "./formula.ts";
import { withFolder } from "./images.ts";
import { runTask } from "./tasks.ts";

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

Deno.test("flips and turns are Pillow's, and drawn only where a recipe has them", async () => {
  const order = (change: (patch: Uint8Array, size: number) => void) => {
    // Two channels, the second of which is the first and 10.
    const patch = Uint8Array.from(
      { length: 18 },
      (_, i) => 1 + (i >> 1) + 10 * (i % 2),
    );
    change(patch, 3);
    const first = patch.filter((_, i) => i % 2 === 0);
    const second = patch.filter((_, i) => i % 2 === 1);
    assertEquals(second, first.map((value) => value + 10));
    return [...first];
  };
  // Pillow 13: transpose(FLIP_TOP_BOTTOM) and transpose(ROTATE_90) of 1 to 9.
  assertEquals(order(verticalFlip), [7, 8, 9, 4, 5, 6, 1, 2, 3]);
  assertEquals(order(quarterTurn), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
  const plain: Recipe = {
    ...RECIPES.cifar,
    ...{ flip: 0, grayscale: 0, solarize: 0 },
    jitter: { ...RECIPES.cifar.jitter, probability: 0 },
    blur: { ...RECIPES.cifar.blur, probability: 0 },
  };
  const image = photo(32, 32, 3);
  for (const transforms of [new PlainTransforms(), await createTransforms()]) {
    const cut = (more: Partial<Recipe>) => {
      const random = new RandomStream({
        ...{ seed: 1, purpose: Purpose.patch, at: [] },
      });
      transforms.load(image);
      const recipe = { ...plain, ...more };
      cutPatch(image, { recipe, size: 8, transforms }, random);
      return transforms.patch.slice();
    };
    const upright = cut({}), over = upright.slice(), turned = upright.slice();
    assertEquals(cut({ verticalFlip: 0, quarterTurn: 0 }), upright);
    verticalFlip(over, 8);
    quarterTurn(turned, 8);
    assertEquals(cut({ verticalFlip: 1 }), over);
    assertEquals(cut({ quarterTurn: 1 }), turned);
  }
});

Deno.test("a recipe is completed, and refused by the part that is wrong", () => {
  for (const name of ["cifar", "imagenet"] as const) {
    assertEquals(completeRecipe({}, name), RECIPES[name]);
  }
  const { crop } = completeRecipe(
    { crop: { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } },
    "cifar",
  );
  assertEquals(crop.scale, [0.08, 1]);
  const { jitter } = completeRecipe({ jitter: { hue: 0 } }, "cifar");
  assertEquals(jitter, { ...RECIPES.cifar.jitter, hue: 0 });
  const cases: [unknown, string][] = [
    [{ flip: 2 }, "recipe flip: it is 2, give a number from 0 to 1"],
    [{ flop: 1 }, "recipe flop: there is no such part, give parts of crop, "],
    [
      { crop: { scale: [0.5, 0.25], ratio: [1, 1] } },
      "recipe crop.scale: it is [0.5,0.25], give two numbers over 0 and up to 1",
    ],
    [
      { crop: { scale: [0, 0.25], ratio: [1, 1] } },
      "recipe crop.scale.0: it is 0, give two numbers over 0",
    ],
    [{ interpolation: "nearest" }, 'it is "nearest", give bilinear or bicubic'],
    [{ jitter: { hues: 1 } }, "recipe jitter.hues: there is no such part"],
    [[], "recipe of a run: it is [], give an object"],
    [7, "recipe of a run: it is 7"],
  ];
  for (const [parts, message] of cases) {
    const found = messageOf(() => completeRecipe(parts, "cifar"));
    assertStringIncludes(found, message);
  }
});

Deno.test("a recipe without chance cuts the same of an image as a crop", async () => {
  const transforms = await createTransforms();
  const image = photo(32, 32, 1);
  const none = { probability: 0 };
  const recipe = completeRecipe({
    crop: { scale: [1, 1], ratio: [1, 1] },
    flip: 0,
    jitter: { ...RECIPES.cifar.jitter, ...none },
    grayscale: 0,
    blur: { ...RECIPES.cifar.blur, ...none },
    solarize: 0,
  }, "cifar");
  transforms.load(image);
  const random = new RandomStream({ seed: 0, purpose: Purpose.patch, at: [] });
  cutPatch(image, { recipe, size: 32, transforms }, random);
  assertEquals(transforms.patch.slice(), image.data);
  cutPatch(
    image,
    { recipe: { ...recipe, flip: 1 }, size: 32, transforms },
    random,
  );
  assert(transforms.patch.some((byte, i) => byte !== image.data[i]));
});

Deno.test("flags change parts of a stored configuration", async () => {
  await withFolder(async (dir) => {
    const print = async (...args: string[]) => {
      const { code, out, err } = await runTask("train", [
        ...args,
        "--print-config",
      ]);
      assertEquals(code, 0, err);
      return JSON.parse(out);
    };
    await Deno.writeTextFile(`${dir}/r.json`, '{"flip": 0, "solarize": 0}');
    const stored = await print(
      ...["--recipe", `${dir}/r.json`, "--model", '{"width": 32}'],
    );
    await Deno.writeTextFile(`${dir}/c.json`, JSON.stringify(stored));
    const again = await print(
      ...["--config", `${dir}/c.json`, "--crop-scale", "0.08,1"],
      ...["--channels", "3"],
    );
    assertEquals([again.recipe.flip, again.recipe.solarize], [0, 0]);
    assertEquals(again.recipe.crop.scale, [0.08, 1]);
    assertEquals(again.model, { width: 32, channels: 3 });
    // A named recipe has no colour transforms for one channel, even if changed.
    const grey = await print(
      ...["--recipe", "cifar", "--crop-scale", "0.08,1", "--channels", "1"],
    );
    assertEquals([grey.recipe.grayscale, grey.recipe.jitter.hue], [0, 0]);
  });
});

Deno.test("a run keeps its recipe", async () => {
  const own = await prepareRun({ recipe: { flip: 0 } });
  assertEquals(own.config.recipe, { ...RECIPES.cifar, flip: 0 });
  assertEquals((await prepareRun({})).config.recipe, "cifar");
  const named = await prepareRun({ recipe: "imagenet" });
  assertEquals(named.config.recipe, "imagenet");
});

Deno.test("--recipe takes a name or a file", async () => {
  await withFolder(async (dir) => {
    const file = `${dir}/upright.json`;
    await Deno.writeTextFile(file, '{"flip": 0}');
    const print = (...args: string[]) =>
      runTask("train", ["--print-config", ...args]);
    const { code, out } = await print("--recipe", file);
    assertEquals(code, 0);
    assertEquals(JSON.parse(out).recipe.flip, 0);
    assertEquals(JSON.parse(out).recipe.solarize, 0.1);
    // A run's stored configuration gives the same configuration.
    await Deno.writeTextFile(`${dir}/config.json`, out);
    const again = await print("--config", `${dir}/config.json`);
    assertEquals(JSON.parse(again.out), JSON.parse(out));
    await Deno.writeTextFile(file, '{"flip": 7}');
    const wrong = await print("--recipe", file);
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.err, "Cannot use the recipe flip: it is 7");
    const gone = await print("--recipe", `${dir}/gone.json`);
    assertEquals(gone.code, 2);
    assertStringIncludes(gone.err, "name cifar or imagenet, or a JSON file");
  });
});
