/** The README beside an exported network says what is in its files. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { modelCard } from "../src/export/model_card.ts";
import { preprocessing } from "../src/export/preprocessing.ts";
import type { ExportRequest } from "../src/export/request.ts";
import { modelOf } from "../src/model/model_of.ts";
import { RECIPES } from "../src/patches/recipe.ts";
import type { TrainChoices } from "../src/train/choices.ts";
import { resolveConfig } from "../src/train/config.ts";

async function cardOf(
  choices: TrainChoices,
  part: ExportRequest["part"] = "backbone",
  stored: { cache?: string } = {},
): Promise<string> {
  const config = { ...await resolveConfig(choices), ...stored };
  const request: ExportRequest = {
    model: modelOf(config),
    state: new Map(),
    part,
    precision: "fp32",
    patchSize: 32,
  };
  const about = { config, step: 1, distance: 0 };
  return modelCard("safetensors", request, about);
}

Deno.test("a backbone as wide as torchvision's has lines of Python", async () => {
  assertStringIncludes(await cardOf({}), "model.load_state_dict(");
});

Deno.test("an encoder of EMP-SSL has the hidden layer in its lines of Python", async () => {
  const card = await cardOf({}, "encoder");
  assertStringIncludes(card, "nn.Linear(512, 4096)");
  assertStringIncludes(card, "model.load_state_dict(");
  const other = await cardOf({ method: "byol" }, "encoder");
  assert(!other.includes("pre_feature"));
  assertStringIncludes(other, "import safetensors.torch\n");
});

Deno.test("a narrow backbone has torchvision's names, and the card says so", async () => {
  const card = await cardOf({ model: { width: 32 } });
  assertStringIncludes(card, "torchvision's ResNets, of a network whose first");
  assertStringIncludes(card, "has 32 filters");
  assert(!card.includes("under `backbone`"));
});

Deno.test("the card tells of initial weights, of views and of a cache", async () => {
  const plain = await cardOf({});
  assertStringIncludes(plain, "images, no labels |");
  assertStringIncludes(plain, "20 patches |");
  const init = await cardOf({ init: "weights/resnet18.safetensors" });
  assertStringIncludes(init, "| initial weights | resnet18.safetensors |");
  assert(!init.includes("no labels"));
  assertStringIncludes(await cardOf({ method: "simclr" }), "2 views |");
  const cached = await cardOf({ patchSize: 64 }, "backbone", {
    cache: "pixels",
  });
  assertStringIncludes(cached, "first reduced to 128 pixels on the shorter");
});

Deno.test("the card names the parts of the run's own augmentation", async () => {
  assertStringIncludes(
    await cardOf({}),
    "(flip, colour jitter, greyscale, blur, solarisation)",
  );
  const recipe = { grayscale: 0, solarize: 0 };
  assertStringIncludes(
    await cardOf({ recipe }),
    "(flip, colour jitter, blur)",
  );
});

Deno.test("preprocessing.json has the whole augmentation, and the card the crop's shape", async () => {
  const config = await resolveConfig({ recipe: "imagenet" });
  const request: ExportRequest = {
    ...{ model: modelOf(config), state: new Map(), part: "backbone" },
    ...{ precision: "fp32", patchSize: 32 },
  };
  const { patches } = preprocessing("safetensors", request, config);
  const { crop, flip, jitter, grayscale, blur, solarize } = RECIPES.imagenet;
  assertEquals(patches, {
    area: crop.scale,
    aspectRatio: crop.ratio,
    resize: { side: 32, filter: "bicubic" },
    augmentation: { flip, jitter, grayscale, blur, solarize },
    average: "the features of the 16 to 128 patches of an image",
  });
  const card = await cardOf({ recipe: "imagenet" });
  assertStringIncludes(
    card,
    "(aspect ratio 0.75 to 1.33), resized with bicubic",
  );
});
