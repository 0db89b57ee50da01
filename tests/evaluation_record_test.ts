/** The evaluations in a run's folder. */
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { EvaluationResult } from "../src/evaluate/evaluate.ts";
import {
  keepEvaluation,
  readEvaluations,
} from "../src/evaluate/evaluation_record.ts";
import { comparisonOf, evaluatedAlike } from "../src/report/comparison.ts";
import { publishedFor } from "../src/report/published.ts";
import { writeReport } from "../src/report/report.ts";
import { readRuns } from "../src/report/run_record.ts";
import { withFolder } from "./images.ts";
import { evaluationOf, writeRun } from "./runs.ts";

Deno.test("each evaluation keeps a file of its own; the same one its old", async () => {
  await withFolder(async (dir) => {
    await writeRun(dir, 10);
    const others: Partial<EvaluationResult>[] = [
      {},
      { data: "cifar100" },
      { testPatches: 16 },
      { images: { train: 100, test: 10000 } },
      { linear: undefined },
      { checkpoint: `${dir}/checkpoint-00000020.safetensors` },
    ];
    for (const changes of others) keepEvaluation(evaluationOf(dir, changes));
    assertEquals(readEvaluations(dir).length, others.length);
    // So that the file's modification time is later.
    await new Promise((done) => setTimeout(done, 20));
    keepEvaluation(evaluationOf(dir, { seconds: 2 }));
    const kept = readEvaluations(dir);
    assertEquals(kept.length, others.length);
    assertEquals(kept.at(-1)!.seconds, 2);
    const html = await Deno.readTextFile(
      (await writeReport({ runs: [dir], gallery: false })).out,
    );
    assertEquals(html.match(/<td>50000 and 10000<\/td>/g)?.length, 5);
    assertStringIncludes(html, "<td>cifar100</td>");
  });
});

Deno.test("evaluations of a module are kept, by its options and weights", async () => {
  await withFolder(async (dir) => {
    await writeRun(dir, 10);
    const data = "file:///data/mine.ts?v=1";
    const others: Partial<EvaluationResult>[] = [
      { data },
      { data, dataOptions: { label: "fine" } },
      { data, dataOptions: { label: "coarse" } },
      { data, chosenClasses: "/data/classes.txt" },
      { data, untrained: true },
    ];
    for (const changes of others) {
      const path = keepEvaluation(evaluationOf(dir, changes));
      assertStringIncludes(path ?? "", "/evaluations/mine-128-patches-");
    }
    assertEquals(readEvaluations(dir).length, others.length);
  });
});

Deno.test("a result that cannot be saved is told", async () => {
  await withFolder(async (dir) => {
    // A checkpoint without a run is evaluated too.
    assertEquals(keepEvaluation(evaluationOf(dir)), undefined);
    await writeRun(dir, 10);
    await Deno.writeTextFile(`${dir}/evaluations`, "a file");
    assertThrows(
      () => keepEvaluation(evaluationOf(dir)),
      Error,
      `Cannot write ${dir}/evaluations/`,
    );
  });
});

Deno.test("the last checkpoint counts, however a run's path was written", async () => {
  await withFolder(async (dir) => {
    await writeRun(dir, 20);
    const of = (folder: string, step: number, top1: number) =>
      keepEvaluation(evaluationOf(dir, {
        checkpoint: `${folder}/checkpoint-000000${step}.safetensors`,
        knn: { top1, top5: 1 },
      }));
    of(dir, 10, 0.6);
    // Before the run's last step: the number says so, and is in no figure.
    const last = () => comparisonOf(readRuns([dir])).rows[0]!.at(-1);
    assertEquals(last(), "60.0 (step 10)");
    assertEquals(evaluatedAlike(readRuns([dir])), undefined);
    of(`${dir}/.`, 20, 0.7);
    assertEquals(last(), "70.0");
    assertEquals(evaluatedAlike(readRuns([dir]))!.runs[0]!.knn, 0.7);
  });
});

Deno.test("features alone, and random weights, are no accuracy of a run", async () => {
  await withFolder(async (dir) => {
    await writeRun(dir, 10);
    const checkpoint = `${dir}/checkpoint-00000010.safetensors`;
    const none = { linear: undefined, knn: undefined };
    const keep = (more: Parameters<typeof evaluationOf>[1]) =>
      keepEvaluation(evaluationOf(dir, { checkpoint, ...more }));
    keep({ testPatches: 128, ...none });
    keep({ testPatches: 64, untrained: true });
    assertEquals(evaluatedAlike(readRuns([dir])), undefined);
    keep({ testPatches: 16 });
    assertEquals(
      evaluatedAlike(readRuns([dir]))!.kind,
      "16 patches, hidden layer",
    );
    const { head } = comparisonOf(readRuns([dir]));
    assert(!head.some((name) => name.startsWith("128")), head.join());
  });
});

Deno.test("evaluations on the images of two folders are two kinds", async () => {
  await withFolder(async (dir) => {
    await writeRun(dir, 10);
    for (
      const [dataDir, top1] of [["/a/png", 0.8], ["/a/jpeg", 0.1]] as const
    ) {
      const knn = { top1, top5: 1 };
      keepEvaluation(evaluationOf(dir, { data: "folder", dataDir, knn }));
    }
    const { head, rows } = comparisonOf(readRuns([dir]));
    assertEquals(head.filter((name) => name.startsWith("kNN")).length, 2);
    assertEquals([rows[0]!.at(-3), rows[0]!.at(-1)].toSorted(), [
      "10.0",
      "80.0",
    ]);
    // CIFAR-10 is the same in each.
    await writeRun(`${dir}/b`, 10);
    for (const dataDir of ["/a/png", "/a/jpeg"]) {
      keepEvaluation(evaluationOf(`${dir}/b`, { dataDir }));
    }
    const one = comparisonOf(readRuns([`${dir}/b`]));
    assertEquals(one.head.filter((name) => name.startsWith("kNN")).length, 1);
  });
});

Deno.test("an evaluation of an earlier version is still read", async () => {
  await withFolder(async (dir) => {
    await writeRun(dir, 10);
    const text = JSON.stringify(evaluationOf(dir));
    await Deno.writeTextFile(`${dir}/evaluation.json`, text);
    assertEquals(readEvaluations(dir).length, 1);
  });
});

Deno.test("runs of one name stay two runs in a report", async () => {
  await withFolder(async (dir) => {
    const runs = [`${dir}/a/x`, `${dir}/b/x`];
    for (const run of runs) await writeRun(run, 10);
    const { out } = await writeReport({ runs, gallery: false });
    const html = await Deno.readTextFile(out);
    for (const run of runs) assertStringIncludes(html, `>${run}</th>`);
  });
});

Deno.test("each published number says of how many patches it is", () => {
  assertStringIncludes(
    publishedFor("tinyimagenet")!,
    "0.515 (10 epochs, 200 patches; ",
  );
  assertStringIncludes(
    publishedFor("imagenet100")!,
    "0.585 (1 epoch, patches not stated; ",
  );
  assertEquals(publishedFor("shapes"), undefined);
});
