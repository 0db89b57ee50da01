/** The library as a program that imports mod.ts uses it. */
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { ResolvedConfig } from "../src/checkpoint/run_config.ts";
import { asChoices } from "../src/checkpoint/stored_choices.ts";
import { recipeOf } from "../src/patches/recipe.ts";
import type { TrainChoices } from "../src/train/choices.ts";
import { decodeBytes } from "../src/data/decode.ts";
import { withFolder, writeImages } from "./images.ts";
import { NARROW_MODEL } from "./narrow.ts";
import { defined } from "../src/common/defined.ts";
import { untilAborted } from "../src/common/call_options.ts";
import { withDefaults } from "../src/train/choices.ts";
import {
  embed,
  EmpSslError,
  evaluate,
  exportModel,
  loadEncoder,
  onlineProbe,
  openDataset,
  prepareRun,
  train,
  VERSION,
  writeReport,
} from "../mod.ts";
import { parseFlags } from "../tasks/cli/flags.ts";
import { configOf } from "../tasks/cli/train_choices.ts";
import { command } from "../tasks/cli/train_flags.ts";

Deno.test("choices have the ecosystem's names and the authors'", async () => {
  const { config } = await prepareRun({
    batchSize: 25,
    epochs: 3,
    patches: 4,
    epsilonSquared: 0.5,
    note: "a note",
  });
  const { bs, epoch, numPatches, eps, msg } = config;
  assertEquals([bs, epoch, numPatches, eps, msg], [25, 3, 4, 0.5, "a note"]);
  assertEquals(Object.hasOwn(config, "batchSize"), false);
  const { message } = assertThrows(
    () => withDefaults({ batchSize: 2, bs: 3 }),
    Error,
  );
  assertStringIncludes(message, "both batchSize and bs");
});

Deno.test("a preset is some choices, over which others stand", () => {
  const fast = withDefaults({ preset: "fast", numPatches: 20 });
  assertEquals([fast.patchSize, fast.numPatches, fast.bs], [16, 20, 50]);
  assertEquals(fast.larsClip, "initial");
  assertEquals(Object.hasOwn(fast, "preset"), false);
  const flags = ["--preset", "fast", "--patches", "20"];
  const { larsClip, numPatches, epoch } = configOf(parseFlags(flags, command));
  assertEquals([larsClip, numPatches, epoch], ["initial", 20, 2]);
  const slow = { preset: "slow" } as unknown as { preset: "fast" };
  assertThrows(() => withDefaults(slow), Error, "choose paper or fast");
});

Deno.test("Tiny ImageNet has a preset by default, and another size in it", () => {
  const data = "tinyimagenet";
  const choices = (of: TrainChoices) => {
    const { optimizer, larsClip, bs, numPatches, patchSize, arch } =
      withDefaults({ data, ...of });
    return { optimizer, larsClip, bs, numPatches, patchSize, arch };
  };
  const fast = choices({});
  assertEquals(fast, {
    ...{ optimizer: "muon", larsClip: "initial", bs: 50, numPatches: 10 },
    ...{ patchSize: undefined, arch: "resnet18-tinyimagenet" },
  });
  assertEquals(choices({ preset: "fast" }), fast);
  assertEquals(choices({ bs: 20, optimizer: "published" }), {
    ...fast,
    ...{ optimizer: "published", bs: 20 },
  });
  const paper = {
    ...{ optimizer: "published", larsClip: "current", bs: 100, numPatches: 20 },
    ...{ patchSize: undefined, arch: "resnet18-imagenet" },
  } as const;
  assertEquals(choices({ preset: "paper" }), paper);
  const flags = [
    "--data",
    data,
    "--preset",
    "paper",
    "--arch",
    "resnet18-cifar",
  ];
  const config = configOf(parseFlags(flags, command));
  assertEquals([config.bs, config.arch], [100, "resnet18-cifar"]);
  // A method with views has its own optimiser and batch.
  const byol = choices({ method: "byol" });
  assertEquals([byol.optimizer, byol.larsClip, byol.bs], [
    ...[undefined, undefined, 256],
  ]);
});

Deno.test("a run from before a data set had a preset keeps what it left out", async () => {
  await withFolder(async (dir) => {
    const path = `${dir}/config.json`;
    const arch = "resnet18-cifar";
    const own = {
      ...{ data: "tinyimagenet", arch },
      bs: 100,
      numPatches: 20,
      patchSize: 32,
    };
    const configured = async (stored: object, ...flags: string[]) => {
      await Deno.writeTextFile(path, JSON.stringify(stored));
      const { optimizer, larsClip, patchSize, arch } = configOf(
        parseFlags(["--config", path, ...flags], command),
      );
      return [optimizer, larsClip, patchSize, arch];
    };
    const run = { ...own, stepsPerEpoch: 1000 };
    assertEquals(await configured(run), ["published", "current", 32, arch]);
    assertEquals(await configured(own), ["muon", "initial", 32, arch]);
    assertEquals(
      await configured(run, "--preset", "fast"),
      ["muon", "initial", undefined, "resnet18-tinyimagenet"],
    );
    assertEquals(
      await configured({ ...run, patchSize: 16 }, "--preset", "paper"),
      ["published", "current", undefined, "resnet18-imagenet"],
    );
    // What a preset chose is no choice for another method.
    const muon = { ...run, optimizer: "muon", larsClip: "initial" };
    assertEquals(
      await configured(muon, "--method", "simclr"),
      [undefined, undefined, 32, arch],
    );
    const { optimizer, larsClip } = withDefaults(
      asChoices(run as unknown as ResolvedConfig, {}),
    );
    assertEquals([optimizer, larsClip], ["published", "current"]);
  });
});

Deno.test("a data set of one's own is a module with options", () => {
  const data = { module: "./mine.ts", options: { file: "a.db" } };
  const { data: name, dataOptions } = withDefaults({ data });
  assertEquals([name, dataOptions], ["./mine.ts", { file: "a.db" }]);
});

Deno.test("flags have both names too", () => {
  const config = (...args: string[]) => configOf(parseFlags(args, command));
  const ours = config("--batch-size", "25", "--epochs=3", "--patches", "4");
  const authors = config("--bs", "25", "--epoch", "3", "--num_patches", "4");
  assertEquals(ours, authors);
});

Deno.test("a signal that is aborted already starts no run", async () => {
  await withFolder(async (folder) => {
    const prepared = await prepareRun({ limitImages: 8, bs: 4 });
    const dir = `${folder}/run`, signal = AbortSignal.abort("enough");
    const error = await Array.fromAsync(train({ dir }, { prepared, signal }))
      .catch((error) => error);
    assertEquals(error, "enough");
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("a call ends by its signal", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(
    () => evaluate({ modelPath: "nowhere" }, { signal }),
    Error,
    "enough",
  );
  const controller = new AbortController();
  const work = Promise.withResolvers<number>();
  const waiting = untilAborted(work.promise, controller.signal);
  controller.abort("later");
  assertEquals(await waiting.catch((reason) => reason), "later");
  work.reject(new Error("nobody waits for this"));
  const done = untilAborted(Promise.resolve(7), new AbortController().signal);
  assertEquals(await done, 7);
});

Deno.test("numbers of the library are checked before any work", async () => {
  for (const wrong of [{ every: 0 }, { test: 0.5 }, { patches: -1 }]) {
    const { message } = assertThrows(() => onlineProbe(wrong), Error);
    assertStringIncludes(message, "it is not a positive whole number");
  }
  await assertRejects(
    () => prepareRun({ limitImages: 1 }),
    Error,
    "it gives 1 image, and a batch needs at least two",
  );
  const protocol = "Whole" as "whole", features = "Backbone" as "backbone";
  await assertRejects(
    () => evaluate({ modelPath: "nowhere", protocol }),
    Error,
    "protocol Whole: it does not exist, did you mean whole",
  );
  // As from JavaScript, or an object that the compiler does not check.
  const mistyped = { modelPath: "nowhere", limitTrian: 5 };
  await assertRejects(
    () => evaluate(mistyped),
    Error,
    '"limitTrian": there is no such choice, did you mean limitTrain',
  );
  await assertRejects(
    () => exportModel({ ...mistyped, out: "x" }),
    Error,
    '"limitTrian": there is no such choice',
  );
  await assertRejects(
    () => loadEncoder({ modelPath: "nowhere", features }),
    Error,
    "features Backbone: it does not exist, did you mean backbone",
  );
  await assertRejects(
    () => writeReport({ runs: [] }),
    Error,
    "Cannot report on nothing",
  );
});

Deno.test("a prepared run is trained with its own choices", async () => {
  const prepared = await prepareRun({ bs: 4, lr: 0.2, patchSize: 16 });
  const first = async (choices: TrainChoices) => {
    for await (const event of train(choices, { prepared })) return event.type;
  };
  const cases: [TrainChoices, string][] = [
    [{ lr: 0.1 }, "lr 0.1: the run was prepared with 0.2"],
    [{ batchSize: 8 }, "bs 8: the run was prepared with 4"],
    [{ threads: 1 }, "threads 1: the run was prepared with no "],
    [{ patchSize: 32 }, " 32: the run was prepared with 16"],
  ];
  for (const [choices, why] of cases) {
    await assertRejects(() => first(choices), EmpSslError, why);
  }
});

Deno.test("a note that is given with a prepared run is stored with it", async () => {
  await withFolder(async (folder) => {
    const dir = `${folder}/a`;
    const prepared = await prepareRun({
      ...{ dir, bs: 4, limitImages: 4, numPatches: 2, patchSize: 8, epoch: 1 },
      ...{ engine: "cpu", model: NARROW_MODEL, workers: 1 },
    });
    const types: string[] = [];
    for await (const event of train({ note: "x" }, { prepared })) {
      types.push(event.type);
    }
    assertEquals(types, ["start", "step", "checkpoint"]);
    const stored = JSON.parse(await Deno.readTextFile(`${dir}/config.json`));
    assertEquals(stored.msg, "x");
  });
});

Deno.test("names that do not exist are refused, and counts that count nothing", async () => {
  const modelPath = "runs/none";
  // deno-lint-ignore no-explicit-any
  const any = (value: unknown): any => value;
  await assertRejects(
    () => loadEncoder(any({ modelPath, testPatches: 16 })),
    EmpSslError,
    '"testPatches": there is no such choice',
  );
  assertThrows(
    () => onlineProbe(any({ each: 3 })),
    EmpSslError,
    '"each": there is no such choice',
  );
  await assertRejects(
    () => loadEncoder({ modelPath, protocol: "whole", patches: 16 }),
    EmpSslError,
    "not a bag of its patches",
  );
  for (const limit of [0, -1, NaN, 0.5]) {
    await assertRejects(
      () => evaluate({ modelPath, limitTest: limit }),
      EmpSslError,
      ` ${limit}: it is not a positive whole number`,
    );
  }
  const options = { lable: "x" };
  await assertRejects(
    () => openDataset({ name: "parquet", dir: ".", split: "train", options }),
    EmpSslError,
    "parquet has no option lable",
  );
  await assertRejects(
    () => decodeBytes(new Uint8Array(1), "a file", { shrinkTo: 0 }),
    EmpSslError,
    "shrinkTo 0",
  );
  await assertRejects(
    () => prepareRun({ data: { module: "./a.ts" }, dataOptions: { a: 1 } }),
    EmpSslError,
    "give them as the options of data",
  );
});

Deno.test("an option that is undefined has its default", async () => {
  assertEquals({ a: 1, ...defined({ a: undefined, b: 2 }) }, { a: 1, b: 2 });
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 1 });
    await assertRejects(
      () =>
        embed({
          modelPath: `${dir}/none`,
          dataDir: dir,
          out: `${dir}/x.parquet`,
          patches: undefined,
        }),
      EmpSslError,
      `${dir}/none`,
    );
  });
});

Deno.test("the architecture and the patches follow from the images' size", async () => {
  await withFolder(async (dir) => {
    const resolved = async (side: number, more: TrainChoices = {}) => {
      const data = `${dir}/${side}`;
      await writeImages(data, { classes: 1, each: 2, side });
      const choices = { data: "folder", dataDir: data, bs: 2, ...more };
      const { arch, patchSize, recipe } = (await prepareRun(choices)).config;
      return [arch, patchSize, recipeOf(recipe).interpolation];
    };
    const small = ["resnet18-cifar", 32, "bilinear"];
    const photographs = ["resnet18-imagenet", 224, "bicubic"];
    assertEquals(await resolved(32), small);
    assertEquals(await resolved(96), small);
    assertEquals(await resolved(97), photographs);
    // As the authors train Tiny ImageNet.
    assertEquals(
      await resolved(64, { arch: "resnet18-imagenet" }),
      photographs,
    );
    const stock = { arch: "resnet18-tinyimagenet" } as const;
    assertEquals(await resolved(64, stock), [stock.arch, 64, "bilinear"]);
  });
});

Deno.test("VERSION is that of deno.json", () => {
  const path = new URL("../deno.json", import.meta.url);
  assertEquals(JSON.parse(Deno.readTextFileSync(path)).version, VERSION);
});

Deno.test("the library names options, a command line flags", async () => {
  const errors = new URL("../src/common/errors.ts", import.meta.url).href;
  const shown = async (more: string) => {
    const code = `import { EmpSslError, nameFlags } from "${errors}"; ${more}
      const parts = { action: "train with", subject: "--num-patches 1",
        found: "Deno was not given --allow-read, a/--b-c --include=optional",
        code: "INVALID_ARGUMENT",
        remedy: "leave out --no-download, \`deno task setup --check\`" };
      console.log(new EmpSslError(parts).message);`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--allow-env"],
        `data:text/typescript,${encodeURIComponent(code)}`,
      ],
      env: { EMP_SSL_MESSAGES: "" },
    }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  const rest =
    "Deno was not given --allow-read, a/--b-c --include=optional, leave out";
  assertEquals(
    await shown(""),
    `Cannot train with numPatches 1: ${rest} download: false, ` +
      "`deno task setup --check`",
  );
  assertEquals(
    await shown("nameFlags();"),
    `Cannot train with --num-patches 1: ${rest} --no-download, ` +
      "`deno task setup --check`",
  );
});
