/** Choices that types forbid, from callers in JavaScript: refused before any work. */
import "./flags.ts";
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  embed,
  EmpSslError,
  evaluate,
  exportModel,
  loadEncoder,
  PatchStream,
  prepareRun,
  RECIPES,
  train,
  writeReport,
} from "../mod.ts";
import { architecture } from "../src/model/architectures.ts";
import { codeOf } from "../src/common/errors.ts";
import type { PatchJob } from "../src/stream/patch_job.ts";
import { checkOutput } from "../src/evaluate/write_features.ts";
import { checkLoss } from "../src/train/health.ts";
import { resolveConfig } from "../src/train/config.ts";
import { resumedConfig } from "../src/train/resume.ts";
import { checkUnchanged } from "../src/train/unchanged.ts";
import { parseFlags } from "../tasks/cli/flags.ts";
import { configOf } from "../tasks/cli/train_choices.ts";
import { command } from "../tasks/cli/train_flags.ts";
import { run as patches } from "../tasks/patches.ts";
import { withFolder } from "./images.ts";

/** A value of any type where another is expected. */
// deno-lint-ignore no-explicit-any
const any = (value: unknown): any => value;

async function assertRefused(
  call: () => Promise<unknown>,
  words: string,
  code = "INVALID_ARGUMENT",
): Promise<void> {
  const error = await assertRejects(call, EmpSslError);
  assertStringIncludes(error.message, words);
  assertEquals(codeOf(error), code, error.message);
}

Deno.test("an engine, a number format or threads that do not exist are refused", async () => {
  // Before the run is read, since there is none.
  const modelPath = "runs/none", out = "none.npy", dataDir = ".";
  const precision = any("fp8"), engine = any("torch");
  for (const threads of [0, -3, 1.5]) {
    const call = () => evaluate({ modelPath, threads });
    await assertRefused(call, `threads ${threads}: it is not a positive whole`);
  }
  const many = 100_000;
  await assertRefused(() => evaluate({ modelPath, threads: many }), "at most");
  const tooMany = "workers 100000: each is a thread";
  await assertRefused(() => evaluate({ modelPath, workers: many }), tooMany);
  await assertRefused(() => prepareRun({ workers: many }), tooMany);
  await assertRefused(() => evaluate({ modelPath, precision }), "fp8: it does");
  await assertRefused(() => evaluate({ modelPath, engine }), "torch: it does");
  await assertRefused(
    () => embed({ modelPath, dataDir, out, engine }),
    "torch",
  );
  await assertRefused(() => loadEncoder({ modelPath, precision }), "fp8");
  await assertRefused(() => loadEncoder({ modelPath, engine }), "torch");
});

Deno.test("a run in tf32 goes on in fp32 where there is no GPU, and in no other", async () => {
  const stored = { ...await resolveConfig({}), precision: "tf32" } as const;
  checkUnchanged("runs/a", stored, { precision: "fp32" });
  const from = { path: "runs/a/x", config: stored, damaged: [] };
  const resumed = await resumedConfig(any(from), { precision: "fp32" });
  assertEquals(resumed.precision, "fp32");
  assertEquals((await resumedConfig(any(from), {})).precision, "tf32");
  const other = () => checkUnchanged("runs/a", stored, { precision: "bf16" });
  assertThrows(other, EmpSslError, "it was started with tf32");
});

Deno.test("features among the images, which would be one, are refused", async () => {
  const modelPath = "runs/none", dataDir = "photos";
  const call = (out: string) => () => embed({ modelPath, dataDir, out });
  await assertRefused(call("photos/a.npy"), "it would lie among the images");
  // The next check: there is no such run.
  for (const out of ["photos.npy", "photos/a.parquet"]) {
    await assertRefused(call(out), "runs/none", "NOT_FOUND");
  }
});

Deno.test("an export of an engine or a part that do not exist is refused", async () => {
  // Before the checkpoint is read, since there is none.
  const modelPath = "runs/none", out = "runs/none-exported";
  const refused = (choices: Record<string, unknown>, words: string) =>
    assertRefused(() => exportModel({ modelPath, out, ...choices }), words);
  await refused({ engine: "torch" }, "torch: it does not exist");
  await refused({ part: "projector" }, "choose backbone or encoder");
});

Deno.test("a patch stream refuses recipes and seeds that give no patches", async () => {
  const job: PatchJob = {
    source: { name: "shapes", split: "train" },
    recipe: "cifar",
    ...{ patchSize: 16, images: 8, patches: 3, shuffle: true, seed: 5 },
    ...{ firstBatch: 0, endBatch: 1 },
  };
  const { cifar } = RECIPES, crop = { scale: [0.25, 0.25], ratio: [0, 0] };
  const refused = (choices: Record<string, unknown>, words: string) => {
    const open = () => PatchStream.open({ ...job, ...choices }, { workers: 1 });
    return assertRefused(open, words);
  };
  await refused({ recipe: "foo" }, "give cifar or imagenet, or a recipe");
  await refused({ recipe: { flip: 0 } }, "is missing");
  await refused({ recipe: null }, "it is null, give an object of crop");
  await refused({ recipe: [] }, "give one for each view");
  await refused({ recipe: { ...cifar, flip: 3 } }, "flip: it is 3");
  await refused({ recipe: [cifar, { ...cifar, crop }] }, "crop.ratio");
  await refused({ seed: -1 }, "seed -1: it is not a whole number");
  await refused({ seed: 1.5 }, "seed 1.5: it is not a whole number");
});

Deno.test("files for data that the program makes, and a limit of no cache, are refused", async () => {
  const folder = () => prepareRun({ dataDir: "photos" });
  await assertRefused(
    folder,
    "--data-dir photos: the data set shapes is made by",
  );
  const classes = () => prepareRun({ classes: "classes.txt" });
  await assertRefused(classes, "classes classes.txt: the data set shapes");
  await assertRefused(
    () => prepareRun({ cacheLimit: 3 }),
    "there is no --cache",
  );
});

Deno.test("a stored run keeps what is refused of a new one", async () => {
  const { config } = await prepareRun({ limitImages: 40, bs: 20 });
  const stored = {
    ...config,
    dataDir: "/photos",
    cacheLimit: 3,
    workers: 5000,
  };
  const from = { path: "run/a", step: 1, config: stored };
  const resumed = await resumedConfig(any(from), {});
  // So many workers belong to another machine.
  assertEquals([resumed.images, resumed.workers], [40, undefined]);
  await withFolder(async (dir) => {
    const path = `${dir}/config.json`;
    await Deno.writeTextFile(path, JSON.stringify(stored));
    const replayed = (...flags: string[]) =>
      configOf(parseFlags(["--config", path, ...flags], command));
    const { dataDir, cacheLimit, workers } = replayed();
    assertEquals([dataDir, cacheLimit, workers], [
      ...[undefined, undefined, undefined],
    ]);
    assertEquals((await prepareRun(replayed())).config.images, 40);
    assertEquals(replayed("--data-dir", "photos").dataDir, "photos");
  });
});

Deno.test("features, and a picture of patches, are not written under a wrong name", async () => {
  await withFolder(async (dir) => {
    const features = () => checkOutput(`${dir}/f.npy`);
    assertStringIncludes(
      assertThrows(features, EmpSslError).message,
      "a folder or a .safetensors file",
    );
    const picture = () => patches({ out: `${dir}/p.jpg` });
    await assertRefused(picture, "end the name in .png");
    assertEquals([...Deno.readDirSync(dir)], []);
  });
});

Deno.test("a loss that is not finite at the first step has nothing to do with lr", () => {
  const remedy = (step: number) =>
    assertThrows(() => checkLoss(NaN, step), EmpSslError).message;
  assertStringIncludes(remedy(0), "learning rate has had no effect yet");
  assertStringIncludes(remedy(1), "start a new run with a lower --lr");
});

Deno.test("data of a run that name no module, or cannot be stored, are refused", async () => {
  const without = any({ moduel: "mine.ts" });
  for (const data of [without, null]) {
    const call = () => prepareRun({ data: any(data) });
    await assertRefused(call, "names no module");
  }
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  for (const options of [{ f: 1n }, circular]) {
    const data = { module: "./mine.ts", options: any(options) };
    await assertRefused(() => prepareRun({ data }), "be stored as JSON");
  }
});

Deno.test("files that do not exist are NOT_FOUND, and a run makes no folder", async () => {
  await withFolder(async (dir) => {
    const missing = `${dir}/missing`;
    const run = { dir: `${dir}/run`, limitImages: 40, bs: 20 };
    const first = () =>
      train({ ...run, init: `${missing}.safetensors` }).next();
    await assertRefused(first, "there is no such file", "NOT_FOUND");
    assertEquals([...Deno.readDirSync(dir)], []);
    const report = () => writeReport({ runs: [missing], out: `${dir}/r.html` });
    await assertRefused(report, "there is no such file", "NOT_FOUND");
  });
});

Deno.test("an architecture that does not exist, or is missing, is refused by name", () => {
  // As of a checkpoint's metadata.
  for (const name of [undefined, "resnet18-cfar", "toString"]) {
    assertThrows(
      () => architecture(name as string),
      EmpSslError,
      `Cannot build architecture "${name}": it does not exist, `,
    );
  }
  assertThrows(
    () => architecture("resnet18-cfar"),
    EmpSslError,
    "did you mean resnet18-cifar",
  );
});
