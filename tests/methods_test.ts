/** The other methods as whole runs: resume, evaluation, exports, replicas, errors. */
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { Engine } from "../src/engine/engine.ts";
import { OPTIMIZER, type OptimizerConfig } from "../src/model/optimizer.ts";
import type { TrainChoices } from "../src/train/choices.ts";
import { trainerOf } from "../src/train/trainer_of.ts";
import { statisticsOf } from "../src/data/statistics.ts";
import { METHODS } from "../src/model/methods/methods.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import type { ResolvedConfig } from "../src/checkpoint/run_config.ts";
import { recipeOf } from "../src/patches/recipe.ts";
import type { PartialRecipe } from "../src/patches/recipe_schema.ts";
import { prepareRun } from "../src/train/config.ts";
import { readChoices } from "../src/train/config_schema.ts";
import { resumedConfig } from "../src/train/resume.ts";
import { checkUnchanged } from "../src/train/unchanged.ts";
import { runRecipes } from "../src/train/views.ts";
import { modelOf } from "../src/model/model_of.ts";
import { withFolder } from "./images.ts";
import { NARROW_FLAGS } from "./narrow.ts";
import { removeCheckpoint } from "./runs.ts";
import { testReplicas } from "./method_replicas.ts";
import { engineForTasks, runTask } from "./tasks.ts";
import {
  finish,
  outcomeOf,
  reached,
  startTraining,
} from "./training_process.ts";

const { ignore, reason } = await engineForTasks();

/** Flags of a run of 12 steps that is bitwise reproducible. */
const SMALL = [
  ...["--limit-images", "16", "--bs", "4", "--patch-size", "8", "--epoch", "3"],
  ...["--precision", "fp32", "--threads", "1", "--save-every", "3"],
  // All checkpoints: a kill may come some steps late.
  ...["--keep", "9"],
  ...NARROW_FLAGS,
];

/** The digest of the last checkpoint's optimiser state. */
async function optimizerOf(dir: string): Promise<string> {
  const bytes = await Deno.readFile(
    `${dir}/checkpoint-00000012.optimizer.safetensors`,
  );
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(hash).toHex();
}

for (
  const [method, options] of [
    ["byol", '{"predictor":32}'],
    ["ressl", '{"queue":64}'],
  ] as const
) {
  Deno.test({
    name: `a run by ${method} that is killed goes on exactly${reason}`,
    ignore,
    fn: async () => {
      await withFolder(async (dir) => {
        const args = [
          ...SMALL,
          "--method",
          method,
          "--method-options",
          options,
        ];
        const whole = `${dir}/whole`, parts = `${dir}/parts`;
        const { code, text } = await finish(
          startTraining([...args, "--dir", whole]),
        );
        assertEquals(code, 0, text);
        const child = startTraining([...args, "--dir", parts]);
        await reached(parts, 7, child);
        child.kill("SIGKILL");
        await finish(child);
        // The steps after the last kept checkpoint are made again.
        for (const step of [8, 9, 12]) await removeCheckpoint(parts, step);
        const rest = await finish(startTraining(["--resume", parts]));
        assertEquals(rest.code, 0, rest.text);
        assertStringIncludes(rest.text, "Resuming after step 6");
        assertEquals(await outcomeOf(parts), await outcomeOf(whole));
        // Momentum, target network, queue.
        assertEquals(await optimizerOf(parts), await optimizerOf(whole));
        // The same choices are accepted when resuming.
        const again = await finish(startTraining(["--resume", parts, ...args]));
        assertEquals(again.code, 0, again.text);
      });
    },
  });
}

Deno.test({
  name: `a method is evaluated by both protocols, exported, embedded${reason}`,
  ignore,
  fn: async (t) => {
    await withFolder(async (dir) => {
      const run = `${dir}/run`;
      const trained = await runTask("train", [
        ...[...SMALL, "--method", "simclr", "--dir", run],
        ...["--probe", "epoch"],
      ]);
      assertEquals(trained.code, 0, trained.err);
      const limits = ["--limit-train", "60", "--limit-test", "40"];
      const kinds = [
        [[], "whole", "backbone", 64, 1],
        [
          [
            ...["--protocol", "bag", "--features", "head"],
            "--test-patches",
            "2",
          ],
          ...["bag", "head", 32, 2] as const,
        ],
      ] as const;
      for (const [flags, protocol, features, width, patches] of kinds) {
        await t.step(`${protocol} of ${features}`, async () => {
          const out = `${dir}/${protocol}.safetensors`;
          const { code, out: text, err } = await runTask("evaluate", [
            ...["--model-path", run, "--json"],
            ...[...limits, ...flags, "--features-out", out],
          ]);
          assertEquals(code, 0, err);
          const result = JSON.parse(text);
          assertEquals(
            [result.protocol, result.features, result.testPatches],
            [protocol, features, patches],
          );
          assertEquals(result.method, "simclr");
          const head = await Deno.readFile(out);
          const size = Number(new DataView(head.buffer).getBigUint64(0, true));
          const json = new TextDecoder().decode(head.subarray(8, 8 + size));
          assertStringIncludes(json, `[60,${width}]`);
        });
      }
      await t.step("a whole image is not a bag of patches", async () => {
        const { code, err } = await runTask("evaluate", [
          ...["--model-path", run, "--test-patches", "2", ...limits],
        ]);
        assertEquals(code, 2);
        assertStringIncludes(err, "the whole image is used");
      });
      await t.step("both stand in the report, each as what it is", async () => {
        const { code, err } = await runTask("report", [
          ...[run, "--no-gallery", "--out", `${dir}/r.html`],
        ]);
        assertEquals(code, 0, err);
        const html = await Deno.readTextFile(`${dir}/r.html`);
        assertStringIncludes(html, "<td>the whole image, backbone</td>");
        assertStringIncludes(html, "<td>2 patches, hidden layer</td>");
        assertStringIncludes(html, "SimCLR (Chen et al., 2020)");
      });
      for (const part of ["backbone", "encoder"]) {
        await t.step(`onnx of the ${part}`, async () => {
          const { code, err } = await runTask("export", [
            ...["--model-path", run, "--format", "onnx", "--part", part],
            ...["--out", `${dir}/${part}`],
          ]);
          assertEquals(code, 0, err);
          const card = await Deno.readTextFile(`${dir}/${part}/README.md`);
          assertStringIncludes(card, "| method | SimCLR (Chen et al., 2020) |");
        });
      }
    });
  },
});

Deno.test("each method has the recipes and constants of its source", async () => {
  const resolve = async (method: keyof typeof METHODS, more = {}) =>
    (await prepareRun({ method, ...more })).config;
  const simclr = await resolve("simclr", { data: "shapes" });
  assertEquals([simclr.numPatches, simclr.warmUp], [2, "10%"]);
  // VICReg warms up for at least 150 steps, but for at most half of the run.
  for (
    const [maxSteps, share] of [[313, "48%"], [20_000, "10%"], [99, "50%"]]
  ) {
    const { config } = await prepareRun({
      ...{ method: "vicreg", maxSteps: maxSteps as number },
    });
    assertEquals(config.warmUp, share);
  }
  // 20 × 20 patches per step become 2 × 200 views; the rate scales with the batch.
  assertEquals([simclr.bs, simclr.lr], [200, 0.4 * 200 / 256]);
  assertEquals((await resolve("byol", { bs: 50 })).lr, 50 / 256);
  assertEquals((await resolve("byol", { lr: 0.7 })).lr, 0.7);
  const { views } = await resolve("ressl");
  assertEquals(views!.map(({ jitter }) => jitter.probability), [0.8, 0]);
  assertEquals(views!.map(({ blur }) => blur.probability), [0.5, 0]);
  const { views: byol } = await resolve("byol");
  assertEquals(byol!.map(({ solarize }) => solarize), [0, 0.2]);
  const changed = await resolve("vicreg", { recipe: { flip: 0 } });
  assertEquals(changed.views!.map(({ flip }) => flip), [0, 0]);
  assertEquals(changed.views![0]!.crop.scale, [0.2, 1]);
  // An evaluation by bag uses EMP-SSL's patches.
  assertEquals(recipeOf(changed.recipe).crop.scale, [0.25, 0.25]);
  assertEquals(statisticsOf("cifar100-coarse", 3).mean[0], 0.5071);
  assertEquals(statisticsOf("folder", 3).mean[0], 0.485);
  const names = (method: keyof typeof METHODS) =>
    tensorSpecs(modelOf({ arch: "resnet18-cifar", method }))
      .filter(({ name }) => !name.startsWith("backbone."))
      .map(({ name, shape }) => `${name} ${shape}`);
  assertEquals(names("simclr"), [
    "projector.0.weight 512,2048",
    "projector.0.bias 2048",
    "projector.2.weight 2048,256",
    "projector.2.bias 256",
  ]);
  assert(names("byol").includes("predictor.3.weight 4096,256"));
  assert(names("vicreg").includes("projector.6.weight 2048,2048"));
  assert(names("swav").includes("prototypes.weight 128,3000"));
});

Deno.test({
  name: `a comparison gives each the same, goes on, and is one${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const compare = (...more: string[]) =>
        runTask("compare", [
          ...[
            "--methods",
            "emp-ssl,simclr",
            "--limit-images",
            "60",
            "--bs",
            "10",
          ],
          ...["--patch-size", "8", "--precision", "fp32", "--threads", "1"],
          ...NARROW_FLAGS,
          ...["--limit-train", "60", "--limit-test", "40", "--dir", dir],
          ...["--test-patches", "2", ...more],
        ]);
      // The files of a process that was killed before its first checkpoint.
      await Deno.mkdir(`${dir}/emp-ssl`);
      for (const name of ["run.lock", "config.json", "metrics.jsonl"]) {
        await Deno.writeTextFile(`${dir}/emp-ssl/${name}`, "");
      }
      // 600 passes: 3 steps of 10 × 20, and 30 of 10 × 2.
      const { code, out, err } = await compare("--passes", "600");
      assertEquals(code, 0, err);
      assertStringIncludes(out, "| 3 × 10 × 20 | 600 |");
      assertStringIncludes(out, "| 30 × 10 × 2 | 600 |");
      assertStringIncludes(out, "2 patches, hidden layer: linear, %");
      const html = await Deno.readTextFile(`${dir}/report.html`);
      assertStringIncludes(html, "<h2>Methods</h2>");
      const again = await compare("--passes", "600");
      assertEquals(again.code, 0, again.err);
      assert(!again.err.includes("train 1/3"), "it was trained again");
      for (const other of [["--passes", "800"], ["--seed", "7"]]) {
        const passes = other.includes("--passes") ? [] : ["--passes", "600"];
        const refused = await compare(...passes, ...other);
        assertEquals(refused.code, 2);
        assertStringIncludes(refused.err, "they were begun with");
      }
      // A batch that no memory holds is refused before the first method is trained.
      const large = await runTask("compare", [
        ...["--methods", "emp-ssl,simclr", "--limit-images", "60", "--bs"],
        ...["60", "--arch", "resnet18-cifar", "--patch-size", "800"],
        ...["--dir", `${dir}/large`],
      ]);
      assertEquals(large.code, 2, large.err);
      assertStringIncludes(large.err, "give fewer images");
      assertEquals([...Deno.readDirSync(`${dir}/large`)], []);
      // A folder with other files than a run's is not removed.
      await Deno.mkdir(`${dir}/mine/simclr`, { recursive: true });
      await Deno.writeTextFile(`${dir}/mine/simclr/notes.txt`, "mine");
      const kept = await runTask("compare", [
        ...["--methods", "simclr", "--limit-images", "60", "--bs", "10"],
        ...["--dir", `${dir}/mine`],
      ]);
      assertEquals(kept.code, 2, kept.err);
      assertStringIncludes(kept.err, "it holds notes.txt");
      await Deno.stat(`${dir}/mine/simclr/notes.txt`);
    });
  },
});

Deno.test("views keep the user's recipe, in a run and in its configuration", async () => {
  await withFolder(async (dir) => {
    const recipe = { jitter: { probability: 0 } };
    const { config } = await prepareRun({ method: "simclr", recipe });
    assertEquals(config.views![0]!.jitter.probability, 0);
    const path = `${dir}/config.json`;
    await Deno.writeTextFile(path, JSON.stringify(config));
    const choices = readChoices(path);
    assertEquals((await prepareRun(choices)).config.views, config.views);
    const info = {
      ...{ path: `${dir}/x`, optimizer: "", step: 1, damaged: [] },
      ...{ config, model: modelOf(config) },
    };
    assertEquals((await resumedConfig(info, {})).views, config.views);
    // An earlier version completed the same choices to other recipes: they stay.
    const views = config.views!.map((view) => ({ ...view, flip: 0.4 }));
    const former = { ...info, config: { ...config, views } };
    assertEquals((await resumedConfig(former, {})).views, views);
    // Another method has its own batch size, number of views and learning rate.
    const { code, out, err } = await runTask("train", [
      ...["--config", path, "--method", "emp-ssl", "--print-config"],
    ]);
    assertEquals(code, 0, err);
    const { numPatches, bs, lr } = JSON.parse(out);
    assertEquals([numPatches, bs, lr], [20, 20, 0.3]);
  });
});

Deno.test("a named recipe is kept for views, with the data's statistics", async () => {
  await withFolder(async (dir) => {
    const named = { method: "simclr", recipe: "cifar" } as const;
    const { config } = await prepareRun(named);
    const path = `${dir}/config.json`;
    await Deno.writeTextFile(path, JSON.stringify(config));
    const again = await prepareRun(readChoices(path));
    assertEquals(again.config.views, config.views);
    const data = "cifar10", arch = "resnet18-cifar", method = "simclr";
    const usual = runRecipes({ data, method }, arch, 3);
    const recipe: PartialRecipe = { base: "cifar", crop: { scale: [0.2, 1] } };
    const [view] = runRecipes({ data, method, recipe }, arch, 3).views!;
    assertEquals(view!.normalize, usual.views![0]!.normalize);
    assertEquals([view!.crop.scale, view!.solarize], [[0.2, 1], 0.1]);
    const [grey] = runRecipes({ data, method, recipe }, arch, 1).views!;
    assertEquals(grey!.grayscale, 0);
  });
});

Deno.test("weight decay, momentum and η are those that were chosen", async () => {
  const optimizerOf = async (choices: TrainChoices) => {
    const { config } = await prepareRun(choices);
    let found: OptimizerConfig | undefined;
    const trainer: Engine["trainer"] = ({ optimizer }) => {
      found = optimizer;
      return Promise.reject(new Error("no trainer"));
    };
    const none = { state: new Map(), optimizerState: new Map() };
    const sizes = { patchSize: 16, microBatch: undefined };
    const engine = { trainer } as Engine;
    await trainerOf(engine, config, sizes, none).catch(() => {});
    return found!;
  };
  assertEquals(await optimizerOf({}), OPTIMIZER);
  const own = { weightDecay: 1e-6, momentum: 0.5, eta: 0.02 };
  assertEquals(await optimizerOf(own), { ...OPTIMIZER, ...own });
  const byol = await optimizerOf({ method: "byol", weightDecay: 0 });
  assertEquals(byol.weightDecay, 0);
  const flags = ["--weight-decay", "1e-6", "--momentum", "1"];
  const { code, err } = await runTask("train", flags);
  assertEquals(code, 2);
  assertStringIncludes(err, "--momentum 1: it is not from 0 to under 1");
});

Deno.test("each view may have a recipe of its own", async () => {
  await withFolder(async (dir) => {
    const file = `${dir}/recipes.json`;
    const recipes = [{ solarize: 0.7 }, "cifar"];
    await Deno.writeTextFile(file, JSON.stringify(recipes));
    const flags = ["--recipe", file, "--crop-scale", "0.3,1", "--print-config"];
    const { code, out, err } = await runTask("train", [
      ...["--method", "byol", ...flags],
    ]);
    assertEquals(code, 0, err);
    const config: ResolvedConfig = JSON.parse(out);
    const [first, second] = config.views!;
    assertEquals([first!.solarize, second!.solarize], [0.7, 0.1]);
    assertEquals([first!.crop.scale, second!.crop.scale], [[0.3, 1], [0.3, 1]]);
    checkUnchanged("runs/a", config, { recipe: config.viewRecipe });
    assertThrows(() => checkUnchanged("runs/a", config, { recipe: "cifar" }));
    const refused = await runTask("train", flags);
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.err, "emp-ssl cuts all patches by one");
  });
});

Deno.test("a resumed run of views has its own views, not those of its evaluation", async () => {
  const { config } = await prepareRun({ method: "simclr" });
  const refused = (
    recipe: PartialRecipe,
    stored: ResolvedConfig,
    found: string,
  ) => {
    const error = assertThrows(() =>
      checkUnchanged("runs/a", stored, { recipe })
    );
    assertStringIncludes((error as Error).message, found);
  };
  // All of these are parts of EMP-SSL's patches.
  refused({ solarize: 0.1 }, config, "it was started with no ");
  refused({ crop: { scale: [0.25, 0.25] } }, config, "it was started with no ");
  const recipe = { solarize: 0.3, flip: 0 };
  const own = (await prepareRun({ method: "simclr", recipe })).config;
  checkUnchanged("runs/a", own, { recipe: { flip: 0 } });
  refused({ flip: 0.5 }, own, '{"solarize":0.3,"flip":0}');
});

Deno.test("what a method does not have is refused", async () => {
  const cases: [string[], string][] = [
    [["--method", "moco"], "it is not one of emp-ssl, simclr, byol"],
    [
      ["--method", "simclr", "--num-patches", "20"],
      "simclr takes 2 views of an image",
    ],
    [["--method", "byol", "--micro-batch", "1"], "needs all views at once"],
    [["--method", "byol", "--tcr", "2"], "the loss of byol has no such weight"],
    [
      ["--method", "swav", "--method-options", '{"tau":1}'],
      "swav has no tau, give numbers for temperature, prototypes",
    ],
    [["--method-options", '{"tau":1}'], "emp-ssl has no tau"],
    [
      ["--method", "swav", "--method-options", '{"prototypes":10.5}'],
      "prototypes is 10.5, give a whole number from 1 to 65536",
    ],
    [
      ["--method", "simclr", "--method-options", '{"temperature":0}'],
      "temperature is 0, give a number from 0.03 up",
    ],
    [["--method", "byol", "--preset", "fast"], "presets are only for EMP-SSL"],
    [
      ["--method", "ressl", "--lars-clip", "initial"],
      "the steps of ressl are not scaled by LARS",
    ],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await runTask("train", args);
    assertEquals(code, 2, err);
    assertStringIncludes(err, message);
  }
  const both = await runTask("compare", ["--epoch", "1", "--minutes", "2"]);
  assertEquals(both.code, 2);
  assertStringIncludes(both.err, "a run has one length, give one");
});

// The other methods are in tests/slow/methods.ts.
testReplicas("ressl");
