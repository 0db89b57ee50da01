/** Sweeps over the values of a setting: the runs, and the report about them. */
import "./flags.ts";
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { COMPARED, isSameSetting } from "../src/checkpoint/settings.ts";
import { prepareRun } from "../src/train/config.ts";
import { keepEvaluation } from "../src/evaluate/evaluation_record.ts";
import { RECIPES } from "../src/patches/recipe.ts";
import { comparisonOf } from "../src/report/comparison.ts";
import { rankCorrelation, signsOf } from "../src/report/correlation.ts";
import { writeReport } from "../src/report/report.ts";
import { readRuns } from "../src/report/run_record.ts";
import { byValue, sensitivities } from "../src/report/sensitivity.ts";
import { isEvaluation } from "../tasks/cli/runs.ts";
import { variationsOf } from "../tasks/cli/variations.ts";
import { withFolder } from "./images.ts";
import { NARROW_FLAGS } from "./narrow.ts";
import { evaluationOf, writeRun } from "./runs.ts";
import { engineForTasks, runTask } from "./tasks.ts";

const { ignore, reason } = await engineForTasks();

Deno.test("each value is a run, or each combination", () => {
  const names = (grid: boolean) =>
    variationsOf(["lr=0.1,1", "batch_size=10,20"], grid)
      .map(({ name }) => name);
  assertEquals(names(false), ["base", "lr-0.1", "lr-1", "bs-10", "bs-20"]);
  assertEquals(names(true), [
    ...["lr-0.1,bs-10", "lr-0.1,bs-20", "lr-1,bs-10", "lr-1,bs-20"],
  ]);
  const [, first] = variationsOf(["warm-up=10%"], false);
  assertEquals(first, { name: "warm-up-10%", values: { "warm-up": "10%" } });
  const sizes = variationsOf(["patch-size=16,16,24@0.5,32@.75,32"], false);
  assertEquals(sizes.slice(1).map(({ values }) => values["patch-size"]), [
    ...["16", "16,24@0.5,32@.75", "32"],
  ]);
});

Deno.test("a default that is given is the default that is left out", async () => {
  const { config } = await prepareRun({});
  const given = await prepareRun({
    ...{ method: "emp-ssl", schedule: "cosine", larsClip: "current" },
    ...{ warmUp: "0", bits: 8, optimizer: "published" },
  });
  for (const name of COMPARED) {
    assert(isSameSetting(name, config, given.config), name);
  }
  const other = await prepareRun({ schedule: "linear" });
  assert(!isSameSetting("schedule", config, other.config));
});

Deno.test("choices that cannot be varied are refused", () => {
  const cases: [string[], string][] = [
    [[], "write lr=0.1,0.3,1"],
    [["lr"], "it names no values, write lr=A,B for two"],
    [["lrs=1,2"], "did you mean lr"],
    [["lr=1,x"], "--lr x: it is not a number"],
    [["schedule=cosin"], "did you mean cosine"],
    [["workers=1,2"], "it is not a flag of train that can be varied"],
    [["lr=1", "lr=2"], "it is given twice"],
  ];
  for (const [texts, message] of cases) {
    assertThrows(() => variationsOf(texts, false), Error, message);
  }
});

Deno.test("Spearman's rank correlation, with equal values", () => {
  assertEquals(rankCorrelation([3, 1, 2], [30, 10, 20]), 1);
  assertEquals(rankCorrelation([1, 2, 3], [3, 2, 1]), -1);
  // scipy.stats.spearmanr([1, 2, 2, 4, 5], [2, 1, 4, 4, 9]).statistic
  const ties = rankCorrelation([1, 2, 2, 4, 5], [2, 1, 4, 4, 9]);
  assertAlmostEquals(ties, 0.76315789, 1e-8);
  assert(Number.isNaN(rankCorrelation([1, 1], [1, 2])));
});

Deno.test("a report shows accuracy by choice, and what the loss tells", async () => {
  await withFolder(async (dir) => {
    const lrs = [0.3, 0.1, 1, 0.03], runs: string[] = [];
    const add = async (
      name: string,
      loss: number,
      top1: number,
      choices: Parameters<typeof writeRun>[2],
    ) => {
      const run = `${dir}/${name}`;
      await writeRun(run, 10, choices, () => loss);
      const accuracy = { top1, top5: 1 };
      keepEvaluation(evaluationOf(run, {
        linear: { last: accuracy, best: accuracy },
        knn: accuracy,
      }));
      runs.push(run);
    };
    for (const [i, lr] of lrs.entries()) {
      await add(`lr-${lr}`, -200 - i, 0.8 - i / 20, { lr });
    }
    // Differs in two settings: in no curve, but included in the loss's correlation.
    await add("both", -300, 0.3, { lr: 3, larsClip: "initial" });
    // Another weight in the loss: its loss is not comparable.
    await add("weight", -900, 0.9, { lr: 5, patchSim: 500 });
    // A later evaluation without linear accuracy does not hide an earlier one.
    keepEvaluation(evaluationOf(runs[0]!, { linear: undefined }));
    const records = readRuns(runs);
    const [found, more] = sensitivities(records);
    assertEquals([found!.choice, more], ["lr", undefined]);
    const [line, other] = found!.lines;
    assertEquals(line!.map(({ value }) => value), [0.03, 0.1, 0.3, 1]);
    assertEquals([line![2]!.linear, other], [0.8, undefined]);
    const [loss, ...others] = signsOf(records);
    assertEquals([loss!.sign, loss!.runs.length], ["loss", 5]);
    assertAlmostEquals(loss!.correlation, 1);
    // The other metrics are equal in all runs, and have no correlation.
    assertEquals(others, []);
    assertEquals(signsOf(records.slice(1)), []);
    const { out, figures } = await writeReport({ runs, gallery: false });
    const html = await Deno.readTextFile(out);
    assertStringIncludes(html, "Accuracy by lr, % (128 patches, hidden layer)");
    assertStringIncludes(html, "rank correlation 1.00 over 5 runs");
    const files = figures.filter((path) => path.includes("accuracy-by-"));
    assertEquals(files.length, 2);
  });
});

Deno.test("the sizes of a run's patches are one choice", async () => {
  await withFolder(async (dir) => {
    const early = [{ patchSize: 16, until: .5 }];
    const choices = [
      { patchSize: 16 },
      { patchSize: 32 },
      { patchSize: 32, progressive: early },
    ];
    for (const [i, sizes] of choices.entries()) {
      await writeRun(`${dir}/${i}`, 10, sizes);
      const knn = { top1: i / 10, top5: 1 };
      keepEvaluation(evaluationOf(`${dir}/${i}`, { knn }));
    }
    const runs = choices.map((_, i) => `${dir}/${i}`);
    const found = sensitivities(readRuns(runs));
    assertEquals(found.map(({ choice }) => choice), ["patchSize"]);
    const values = found[0]!.lines[0]!.map(({ value, knn }) => [value, knn]);
    assertEquals(values, [[16, 0], ["16,32@0.5", 0.2], [32, 0.1]]);
    const { figures } = await writeReport({ runs, gallery: false });
    const path = figures.find((path) =>
      path.includes("accuracy-by-patch-size")
    );
    const svg = await Deno.readTextFile(path!);
    // The axis is in order: 16, then both, then 32.
    const ticks = [...svg.matchAll(/<text[^>]*>([\d,@.]+)<\/text>/g)]
      .map(([, text]) => text);
    assertEquals(ticks.filter((text) => /^(16|32|16,32@0.5)$/.test(text!)), [
      ...["16", "16,32@0.5", "32"],
    ]);
  });
});

Deno.test("runs that also differ in their recipe are no curve", async () => {
  await withFolder(async (dir) => {
    const upright = { ...RECIPES.cifar, flip: 0 };
    const choices = [{ lr: 0.1 }, { lr: 1, recipe: upright }];
    const found = async (all: typeof choices) => {
      const runs: string[] = [];
      for (const own of all) {
        const run = `${dir}/${runs.push("") - 1}-${all.length}`;
        await writeRun(run, 10, own);
        keepEvaluation(evaluationOf(run));
        runs[runs.length - 1] = run;
      }
      return sensitivities(readRuns(runs)).map(({ choice }) => choice);
    };
    assertEquals(await found(choices), []);
    assertEquals(await found([...choices, { lr: 0.3 }]), ["lr"]);
  });
});

Deno.test("evaluations by other images have columns of their own", async () => {
  await withFolder(async (dir) => {
    await writeRun(`${dir}/a`, 10);
    const few = { train: 1000, test: 500 };
    keepEvaluation(evaluationOf(`${dir}/a`));
    keepEvaluation(evaluationOf(`${dir}/a`, { images: few, knn: undefined }));
    const { head, rows } = comparisonOf(readRuns([`${dir}/a`]));
    const kind = "128 patches, hidden layer, cifar10";
    assertEquals(head.slice(5).toSorted(), [
      `${kind}, 10 classes, 1000 and 500 images: linear, %`,
      `${kind}, 10 classes, 50000 and 10000 images: linear, %`,
      ...["kNN, %", "kNN, %"],
    ]);
    assertEquals(rows[0]!.slice(5).toSorted(), ["80.0", "80.0", "80.0", "–"]);
  });
});

Deno.test("a grid is a line for each setting of the other choices", async () => {
  await withFolder(async (dir) => {
    const runs: string[] = [];
    const grid = (["cosine", "linear"] as const).flatMap((schedule) =>
      [1, 2].map((seed) => ({ schedule, seed }))
    );
    for (const [i, choices] of grid.entries()) {
      const run = `${dir}/${i}`, accuracy = { top1: i / 10, top5: 1 };
      await writeRun(run, 10, choices);
      keepEvaluation(evaluationOf(run, { knn: accuracy }));
      runs.push(run);
    }
    // A run that was not trained to its end.
    await writeRun(`${dir}/part`, 4, { seed: 3 });
    const config = `${dir}/part/config.json`;
    const whole = JSON.parse(await Deno.readTextFile(config));
    await Deno.writeTextFile(config, JSON.stringify({ ...whole, steps: 10 }));
    keepEvaluation(evaluationOf(`${dir}/part`));
    const found = sensitivities(readRuns([...runs, `${dir}/part`]));
    const told = found.map(({ choice, lines }) => [
      choice,
      lines.map((line) => line.map(({ value, knn }) => [value, knn])),
    ]);
    assertEquals(Object.fromEntries(told), {
      schedule: [[["cosine", 0], ["linear", 0.2]], [["cosine", 0.1], [
        "linear",
        0.3,
      ]]],
      seed: [[[1, 0], [2, 0.1]], [[1, 0.2], [2, 0.3]]],
    });
  });
});

Deno.test({
  name: `a sweep makes each run once, and goes on${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const sweep = (...choices: string[]) =>
        runTask("sweep", [
          ...choices,
          ...["--limit-images", "40", "--bs", "10", "--num-patches", "2"],
          ...["--patch-size", "8", "--precision", "fp32", "--threads", "1"],
          ...NARROW_FLAGS,
          ...["--limit-train", "40", "--limit-test", "20", "--dir", dir],
        ]);
      const { code, out, err } = await sweep("lr=0.1,0.3");
      assertEquals(code, 0, err);
      // 0.3 is the default learning rate.
      assertStringIncludes(out, "lr-0.3 is the same as base: run once");
      assertStringIncludes(out, "2 runs in");
      const made = await Deno.stat(`${dir}/base/metrics.jsonl`);
      const more = await sweep("lr=0.1", "eps=0.1,0.4,0.8");
      assertEquals(more.code, 0, more.err);
      assertStringIncludes(more.out, "5 runs in");
      assertStringIncludes(more.out, "Rank correlation of invariance");
      const kept = await Deno.stat(`${dir}/base/metrics.jsonl`);
      assertEquals(kept.mtime, made.mtime);
      const html = await Deno.readTextFile(`${dir}/report.html`);
      assertStringIncludes(html, "Accuracy by eps");
      const other = await sweep("lr=0.1", "--epoch", "3");
      assertEquals(other.code, 2);
      assertStringIncludes(
        other.err,
        "they were begun without --epoch, and this is with --epoch 3",
      );
      const formats = await sweep("precision=fp32,bf16");
      assertEquals(formats.code, 0, formats.err);
      assertStringIncludes(formats.out, "precision-fp32 is the same as base");
      assertStringIncludes(formats.out, "\nprecision-bf16 | ");
      // Flags that evaluation refuses are refused before training.
      const folder = `${dir}/unlabelled`;
      const none = await runTask("sweep", [
        ...["lr=0.1,1", "--test-patches", "0", "--dir", folder],
      ]);
      assertEquals(none.code, 2);
      assertStringIncludes(none.err, "--test-patches 0");
    });
  },
});

Deno.test("values of a choice are in order, also as texts", () => {
  const order = (...values: (number | string)[]) => values.toSorted(byValue);
  assertEquals(order(10, 9, 0.5), [0.5, 9, 10]);
  assertEquals(order("0.5", "0.25", "1"), ["0.25", "0.5", "1"]);
  const sizes = ["16", "16,32@0.25", "16,32@0.5", "16,32@0.75", 32];
  assertEquals(order(...sizes.toReversed()), sizes);
  assertEquals(order("cosine", "constant"), ["constant", "cosine"]);
});

Deno.test("a run that is evaluated as asked is not evaluated again", () => {
  const kind = { protocol: "bag", features: "head" } as const;
  const found = evaluationOf("runs/a", { ...kind, limits: { train: 50 } });
  const path = "./runs/a/checkpoint-00000010.safetensors";
  const isSame = (
    evaluation: Parameters<typeof isEvaluation>[1]["evaluation"],
    changes: Partial<typeof found> = {},
  ) =>
    isEvaluation({ ...found, ...changes }, {
      ...{ path, config: { data: "cifar10" }, kind, evaluation },
    });
  const asked = { testPatches: 128, limitTrain: 50, limitTest: undefined };
  assert(isSame(asked));
  // Fewer images, another number of patches, another checkpoint, no probe.
  assert(!isSame({ ...asked, limitTrain: undefined }));
  assert(!isSame({ ...asked, testPatches: 16 }));
  assert(
    !isSame(asked, { checkpoint: "runs/a/checkpoint-00000005.safetensors" }),
  );
  assert(!isSame(asked, { linear: undefined }));
  assert(!isSame(asked, { data: "cifar100" }));
  assert(!isSame(asked, { chosenClasses: "list.txt" }));
  // Another folder of a set that may hold any images.
  const config = { data: "folder", dataDir: "/photos" };
  const inFolder = (dataDir?: string) =>
    isEvaluation({ ...found, data: "folder", dataDir }, {
      ...{ path, config, kind, evaluation: asked },
    });
  assert(inFolder("/moved/photos") && inFolder());
  assert(!inFolder("/other"));
  // An earlier version stored no limits.
  assert(isSame({ ...asked, limitTrain: 60000 }, { limits: undefined }));
});
