/** The book of results: its contents, and how a run is recorded in it. */
import "./flags.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import {
  BOOK,
  type BookRow,
  readRow,
  rowNames,
  spreadOf,
  spreadText,
} from "../src/report/book.ts";
import type { EvaluationResult } from "../src/evaluate/evaluate.ts";
import { keepEvaluation } from "../src/evaluate/evaluation_record.ts";
import type { TrainChoices } from "../src/train/choices.ts";
import { resolveConfig } from "../src/train/config.ts";
import { recordRun } from "../src/report/write_book.ts";
import { parseFlags } from "../tasks/cli/flags.ts";
import { configOf } from "../tasks/cli/train_choices.ts";
import { command as trainCommand } from "../tasks/cli/train_flags.ts";
import { command as evaluateCommand } from "../tasks/evaluate.ts";
import { withFolder } from "./images.ts";
import { evaluationOf, writeRun } from "./runs.ts";
import { evaluatedWith } from "../tasks/cli/evaluated_with.ts";
import { trainedOtherwise } from "../tasks/record.ts";
import { runTask } from "./tasks.ts";

Deno.test("every row of the book has commands, numbers and no paths", async (t) => {
  assert(rowNames().includes("shapes"));
  for (const name of rowNames()) {
    await t.step(name, () => {
      const row = readRow(name);
      configOf(parseFlags(row.train, trainCommand));
      parseFlags(row.evaluate, evaluateCommand);
      for (const { seed, evaluation, patches } of row.runs) {
        const folder = new URL(`${name}/seed-${seed}/`, BOOK);
        const text = (file: string) =>
          Deno.readTextFileSync(new URL(file, folder));
        const config = JSON.parse(text("config.json"));
        assertEquals(config.seed, seed);
        assertEquals(trainedOtherwise(row.train, config), undefined);
        const packed = Deno.readFileSync(new URL("metrics.jsonl.gz", folder));
        const metrics = gunzipSync(packed).toString();
        const steps = metrics.split("\n").filter((l) => l.includes('"loss"'));
        assertEquals(steps.length, config.steps);
        assertEquals(patches, config.steps * config.bs * config.numPatches);
        assert(evaluation.linear!.last.top1 > 1.5 / evaluation.classes);
        for (const file of ["config.json", "evaluation.json", "run.json"]) {
          assert(!/"\/\w/.test(text(file)), `${name} ${seed} ${file}`);
        }
      }
    });
  }
});

Deno.test("a command that trains something else is not recorded with a run", async () => {
  const config = JSON.parse(
    Deno.readTextFileSync(new URL("shapes/seed-0/config.json", BOOK)),
  );
  const otherwise = (...flags: string[]) =>
    trainedOtherwise(["--data", "shapes", ...flags], config);
  assertEquals(otherwise(), undefined);
  assertEquals(otherwise("--patch-size", "16"), undefined);
  assertEquals(
    otherwise("--patch-size", "32"),
    "patchSize is 32, the run has 16",
  );
  assertEquals(
    otherwise("--optimizer", "muon"),
    "optimizer is muon, the run has published",
  );
  assertEquals(
    otherwise("--arch", "resnet50-cifar"),
    "arch is resnet50-cifar, the run has resnet18-cifar",
  );
  for (
    const flags of [
      ["--no-color"],
      ["--model", '{"width":32}'],
      ["--patch-size", "8,16@0.5"],
      ["--channels", "1"],
    ]
  ) assertStringIncludes(otherwise(...flags) ?? "", "the run has");
  // What a method with views, or grey images, stores is no other choice.
  for (const choices of [{ method: "vicreg" }, { model: { channels: 1 } }]) {
    const resolved = await resolveConfig(
      { ...choices, warmUp: "10%" } as TrainChoices,
    );
    const method = resolved.method ? ["--method", resolved.method] : [];
    const flags = ["--data", "shapes", "--warm-up", "10%", ...method];
    assertEquals(trainedOtherwise(flags, resolved), undefined);
  }
  const flipless = { ...config, recipe: { flip: 0 } };
  assertEquals(
    trainedOtherwise(["--data", "shapes"], flipless),
    'recipe is left out, the run has {"flip":0}',
  );
});

Deno.test("mean and spread over the seeds of a row", () => {
  const run = (top1: number) => ({
    evaluation: { linear: { last: { top1, top5: 1 } } },
  });
  const row = { runs: [run(0.6), run(0.64), run(0.62)] } as unknown as BookRow;
  assertEquals(spreadText(spreadOf(row, "linear")), "62.0 (60.0 to 64.0)");
  assertEquals(spreadOf(row, "kNN"), undefined);
});

Deno.test("a run gets into the book with its evaluation, and not without", async () => {
  await withFolder(async (dir) => {
    // A space, which a URL encodes.
    const book = pathToFileURL(`${dir}/my results/`), run = `${dir}/run`;
    await writeRun(run, 3);
    const setting = { title: "A test", train: [], evaluate: [] };
    const record = (more: object = {}) => {
      try {
        recordRun(run, { row: "a", commit: "1a2b3c4", book, ...more });
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    };
    assertStringIncludes(record(), "there is no row a, give --title");
    const lacking = "it has no evaluation of its last checkpoint";
    assertStringIncludes(record({ setting }), lacking);
    Deno.mkdirSync(`${run}/evaluations`);
    const { runs: [{ evaluation }] } = readRow("shapes");
    const write = (name: string, changes: Partial<EvaluationResult> = {}) => {
      const checkpoint = `${run}/checkpoint-00000003.safetensors`;
      Deno.writeTextFileSync(
        `${run}/evaluations/${name}.json`,
        JSON.stringify({
          ...evaluation,
          checkpoint,
          dataDir: "/c",
          ...changes,
        }),
      );
    };
    write("earlier", { checkpoint: `${run}/checkpoint-00000002.safetensors` });
    assertStringIncludes(record({ setting }), lacking);
    write("last");
    assertEquals(record({ setting }), "");
    // The row has only this run: it can be recorded again by another evaluation.
    write("later", { testPatches: 1 });
    assertEquals(record(), "");
    assertEquals(readRow("a", book).runs[0]!.evaluation.testPatches, 1);
    // Of another seed: like the row's.
    const config = `${run}/config.json`;
    const text = Deno.readTextFileSync(config);
    Deno.writeTextFileSync(
      config,
      JSON.stringify({ ...JSON.parse(text), seed: 7 }),
    );
    Deno.removeSync(`${run}/evaluations/later.json`);
    assertStringIncludes(record(), `${lacking} like those of a`);
    Deno.writeTextFileSync(config, text);
    assertEquals(record(), "");
    const row = readRow("a", book);
    assertEquals(row.title, "A test");
    assertEquals(row.runs[0].commit, "1a2b3c4");
    assertEquals(row.runs[0].evaluation, evaluation);
  });
});

Deno.test("an evaluation on other images is not a row's", () => {
  const { runs: [{ evaluation }], evaluate } = readRow("cifar10-jpeg-10k");
  const config = JSON.parse(Deno.readTextFileSync(
    new URL("cifar10-jpeg-10k/seed-0/config.json", BOOK),
  ));
  const run = { ...config, dataDir: "/a/jpeg" };
  const fits = evaluatedWith(evaluate, "/runs/a", run);
  const limits = { train: 10000, test: 2000 };
  const changed = (changes: Partial<EvaluationResult>) =>
    fits({ ...evaluation, limits, dataDir: "/b/jpeg", ...changes });
  assertEquals(changed({}), true);
  assertEquals(changed({ dataDir: "/a/png" }), false);
  assertEquals(changed({ testPatches: 8 }), false);
  const engine = { ...evaluation.engine, precision: "fp32" } as const;
  assertEquals(changed({ engine }), false);
  assertEquals(changed({ changed: { lr: 0.1 } }), false);
  const faster = evaluatedWith([...evaluate, "--lr", "0.1"], "/runs/a", run);
  const own = { ...evaluation, limits, dataDir: "/b/jpeg" };
  assertEquals(faster(own), false);
  assertEquals(faster({ ...own, changed: { lr: 0.1 } }), true);
});

Deno.test("a run on a module is recorded without its address and options", async () => {
  await withFolder(async (dir) => {
    const book = pathToFileURL(`${dir}/results/`), run = `${dir}/run`;
    await writeRun(run, 3);
    const own = {
      data: "file:///own/mine.ts",
      dataOptions: { path: "/own/a" },
    };
    const path = `${run}/config.json`;
    const config = JSON.parse(Deno.readTextFileSync(path));
    Deno.writeTextFileSync(path, JSON.stringify({ ...config, ...own }));
    const checkpoint = `${run}/checkpoint-00000003.safetensors`;
    keepEvaluation(evaluationOf(run, { ...own, checkpoint }));
    const setting = { title: "A test", train: [], evaluate: [] };
    const record = () =>
      recordRun(run, { row: "a", commit: "1a2b3c4", book, setting });
    record();
    for (const file of ["config.json", "evaluation.json"]) {
      const text = Deno.readTextFileSync(`${dir}/results/a/seed-0/${file}`);
      assertEquals(JSON.parse(text).data, "mine");
      assert(!text.includes("/own/"), text);
    }
    // The evaluation is recognised as one like the row's.
    record();
  });
});

Deno.test("reproduce names its rows and what it lacks", async () => {
  const listed = await runTask("reproduce");
  assertEquals(listed.code, 0);
  for (const name of rowNames()) assertStringIncludes(listed.out, `${name}: `);
  const unknown = await runTask("reproduce", ["shape"]);
  assertEquals(unknown.code, 2);
  assertStringIncludes(unknown.err, "no such row, did you mean shapes");
  const files = await runTask("reproduce", ["cifar10-jpeg-10k"]);
  assertEquals(files.code, 2);
  assertStringIncludes(
    files.err,
    "no --data-dir was given, name a folder with",
  );
});
