/**
 * The whole program as a user runs it: two steps of training and an evaluation; and
 * our checkpoints and event files in Python, where it has the packages.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeSafetensors } from "../src/checkpoint/safetensors.ts";
import { engineForTasks, runTask } from "./tasks.ts";
import { openDataset } from "../src/data/open_dataset.ts";
import { NARROW_FLAGS, NARROW_MODEL } from "./narrow.ts";
import { withFolder, writeImages } from "./images.ts";

/** The length of a feature. */
const WIDTH = 4096;

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] ** 2;
    bb += b[i] ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}

/** The feature that examples/embed_server.ts answers with. */
async function servedFeature(run: string, image: string): Promise<number[]> {
  const file = new URL("../examples/embed_server.ts", import.meta.url).pathname;
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", file, run, "0"],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    let text = "";
    const decoder = new TextDecoder();
    // Deno.serve() prints the port that it has chosen.
    for await (const bytes of server.stderr) {
      text += decoder.decode(bytes);
      const [, port] = /127\.0\.0\.1:(\d+)/.exec(text) ?? [];
      if (port === undefined) continue;
      const body = await Deno.readFile(image);
      const url = `http://127.0.0.1:${port}`;
      const refused = await fetch(url, { method: "POST", body: "no image" });
      assertEquals(refused.status, 400);
      assertStringIncludes(await refused.text(), "Cannot decode");
      return await (await fetch(url, { method: "POST", body })).json();
    }
    throw new Error(text);
  } finally {
    server.kill("SIGKILL");
    await server.status;
    await server.stdout.cancel();
  }
}

Deno.test("the example of the patch stream runs", async () => {
  const { code, out, err } = await runTask("patch_stream");
  assertEquals(code, 0, err);
  assertStringIncludes(out, "30000 patches");
});

const python = await findPython();
const engine = await engineForTasks();

async function findPython(
  packages = "torch, torchvision, safetensors",
): Promise<string | undefined> {
  const named = Deno.env.get("EMP_SSL_TEST_PYTHON");
  for (const candidate of named ? [named] : ["python3", ".venv/bin/python"]) {
    try {
      const { success } = await new Deno.Command(candidate, {
        args: ["-c", `import ${packages}`],
        stderr: "null",
      }).output();
      if (success) return candidate;
    } catch {
      // No such program.
    }
  }
}

Deno.test({
  name:
    `a run that diverges ends as one, and leaves no checkpoint${engine.reason}`,
  ignore: engine.ignore,
  fn: async () => {
    for (const flags of [["--lr", "1e30"], ["--patch-sim", "1e37"]]) {
      await withFolder(async (dir) => {
        const { code, out, err } = await runTask("train", [
          ...["--dir", `${dir}/run`, "--limit-images", "16", "--bs", "4"],
          ...["--num-patches", "2", "--precision", "fp32", "--save-every", "1"],
          ...NARROW_FLAGS,
          ...flags,
        ]);
        assertEquals(code, 2, out);
        assertStringIncludes(err, "start a new run with a lower --lr");
        assert(!err.includes("--micro-batch"), err);
        const names = [...Deno.readDirSync(`${dir}/run`)].map((e) => e.name);
        for (const name of names.filter((n) => n.endsWith(".safetensors"))) {
          const bytes = await Deno.readFile(`${dir}/run/${name}`);
          const { tensors } = decodeSafetensors(bytes, name);
          for (const { values } of tensors.values()) {
            assert(values.every(Number.isFinite), name);
          }
        }
      });
    }
  },
});

async function tensorsOf(path: string) {
  return decodeSafetensors(await Deno.readFile(path), path);
}

/** Evaluates with other choices than the authors', and uses the classifier. */
async function checkClassifier(dir: string, run: string): Promise<void> {
  const features = `${dir}/features.safetensors`;
  const file = `${dir}/classifier.safetensors`;
  const probed = await runTask("evaluate", [
    ...["--model-path", run, "--test-patches", "1", "--patch-size", "16"],
    ...["--lr", "0.1", "--linear_epochs", "3", "--knn-k", "5"],
    ...["--linear", "True", "--limit-train", "40", "--limit-test", "30"],
    ...["--features-out", features, "--classifier-out", file, "--json"],
  ]);
  assertEquals(probed.code, 0, probed.err);
  const probe = JSON.parse(probed.out);
  const changed = { lr: 0.1, linearEpochs: 3, knnK: 5 };
  assertEquals(probe.changed, changed);
  const { tensors: rows } = await tensorsOf(features);
  const { tensors: layer, metadata } = await tensorsOf(file);
  assertEquals(JSON.parse(metadata.classes!).length, 10);
  const x = rows.get("test_features")!, weight = layer.get("weight")!;
  const bias = layer.get("bias")!.values, width = x.shape[1]!;
  assertEquals([weight.shape, width], [
    [10, NARROW_MODEL.hidden],
    NARROW_MODEL.hidden,
  ]);
  const tested = { name: "shapes", split: "test", limit: 30 } as const;
  const images = await openDataset(tested);
  const labels = Array.from({ length: 30 }, (_, i) => images.label(i));
  let right = 0;
  for (const [image, label] of labels.entries()) {
    const scores = [...bias].map((b, c) => {
      for (let i = 0; i < width; i++) {
        b += weight.values[c * width + i]! * x.values[image * width + i]!;
      }
      return b;
    });
    if (scores.indexOf(Math.max(...scores)) === label) right++;
  }
  assertEquals(right / labels.length, probe.linear.last.top1);
}

/** Takes a checkpoint as a run of no step, which holds the same weights. */
async function checkTaken(dir: string, run: string): Promise<void> {
  const taken = await runTask("train", [
    ...["--init", run + "/checkpoint-00000002.safetensors"],
    ...["--max-steps", "0", "--dir", `${dir}/taken`],
    ...["--limit-images", "8", "--bs", "4", "--precision", "fp32"],
    ...NARROW_FLAGS,
  ]);
  assertEquals(taken.code, 0, taken.err);
  assertEquals(
    (await tensorsOf(`${dir}/taken/checkpoint-00000000.safetensors`)).tensors,
    (await tensorsOf(`${run}/checkpoint-00000002.safetensors`)).tensors,
  );
}

Deno.test({
  name: `a classifier is written, and other weights are a run${engine.reason}`,
  ignore: engine.ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const run = `${dir}/run`;
      const { code, err } = await runTask("train", [
        ...["--dir", run, "--limit-images", "8", "--bs", "4"],
        ...["--num-patches", "2", "--precision", "fp32", ...NARROW_FLAGS],
      ]);
      assertEquals(code, 0, err);
      await checkClassifier(dir, run);
      await checkTaken(dir, run);
    });
  },
});

Deno.test({
  name: `train and evaluate run from end to end${engine.reason}`,
  ignore: engine.ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const run = `${dir}/run`;
      const trained = await runTask("train", [
        ...["--dir", run, "--limit-images", "8", "--bs", "4"],
        ...["--num-patches", "2", "--precision", "fp32", "--tensorboard"],
      ]);
      assertEquals(trained.code, 0, trained.err);
      assertStringIncludes(
        trained.out,
        `deno task evaluate --model-path ${run}`,
      );
      const lines = (await Deno.readTextFile(`${run}/metrics.jsonl`)).trim()
        .split("\n").map((line) => JSON.parse(line));
      assertEquals(lines.map((line) => line.step), [0, 1]);
      assert(lines.every((line) => line.loss < 0 && line.tcr > 0));
      // Settings that were chosen automatically are stored with the run.
      const kept = JSON.parse(await Deno.readTextFile(`${run}/config.json`));
      assertEquals(
        [kept.microBatch, kept.engine, kept.precision],
        [2, "tensorflow", "fp32"],
      );
      const [events] = [...Deno.readDirSync(`${run}/tensorboard`)];
      const file = await Deno.readFile(`${run}/tensorboard/${events.name}`);
      assertStringIncludes(
        new TextDecoder("latin1").decode(file),
        "train/effective_rank",
      );
      const config = JSON.parse(await Deno.readTextFile(`${run}/config.json`));
      assertEquals([config.steps, config.arch], [2, "resnet18-cifar"]);

      const tested = await runTask("evaluate", [
        ...["--model-path", run, "--test-patches", "2", "--json"],
        ...["--limit-train", "60", "--limit-test", "20"],
        ...["--precision", "fp32"],
      ]);
      assertEquals(tested.code, 0, tested.err);
      const result = JSON.parse(tested.out);
      assertEquals([result.images.train, result.classes], [60, 10]);
      for (const { top1, top5 } of [result.knn, result.linear.last]) {
        assert(top1 >= 0 && top5 >= top1 && top5 <= 1);
      }
      assert(result.linear.best.top1 >= result.linear.last.top1);

      const elsewhere = await runTask("evaluate", [
        ...["--model-path", run, "--data-dir", dir],
      ]);
      assertEquals(elsewhere.code, 2);
      assertStringIncludes(
        elsewhere.err,
        `Cannot evaluate with --data-dir ${dir}: the data set shapes is made by`,
      );

      const aborted = await runTask("abort_case", [run]);
      assertEquals(aborted.code, 0, aborted.err);
      const told = JSON.parse(aborted.out);
      const outcomes: [string, number][] = told.outcomes;
      assertEquals(outcomes.map(([reason]) => reason), [
        ...["the user's error", "another error of the user", "enough"],
      ]);
      // An epoch of so few images takes less time than the message to stop.
      assert(outcomes.every(([, epochs]) => epochs < 50), aborted.out);
      // An evaluation goes on after the rows that it has, and gives the same.
      const { stopped, continued, left, whole, ended } = told;
      assertEquals([stopped, left], ["stopped", []]);
      const [test, train, ...more] = continued.resumed;
      assertEquals([test, more], ["test 48", []]);
      assert(["train 16", "train 32", "train 40"].includes(train), train);
      assertEquals({ ...continued, resumed: [] }, whole);
      // No further step is made.
      assertEquals(ended, ["start", "step", "step", "checkpoint", "stopped"]);

      const data = `${dir}/photos`;
      await writeImages(data, { classes: 2, each: 3 });
      const out = `${dir}/photos.npy`;
      const embedded = await runTask("embed", [
        ...["--model-path", run, "--data-dir", data, "--out", out],
        ...["--patches", "16", "--precision", "fp32"],
      ]);
      assertEquals(embedded.code, 0, embedded.err);
      const names = (await Deno.readTextFile(`${out}.txt`)).trim().split("\n");
      assertEquals(names.length, 6);
      assertStringIncludes(names[0], "photos/train/c0/0.png");
      // examples/encode.ts uses the encoder alone, in the precision that is faster.
      const encoded = await runTask("encode", [run, data]);
      assertEquals(encoded.code, 0, encoded.err);
      const [first] = encoded.out.trim().split("\n");
      const { path, feature } = JSON.parse(first);
      assertEquals([path, feature.length], [names[0], WIDTH]);
      const one = await runTask("embed_image", [run, names[0]]);
      assertEquals(one.code, 0, one.err);
      assert(cosine(JSON.parse(one.out), feature) > 0.9999);
      const served = await servedFeature(run, names[0]);
      assert(cosine(JSON.parse(one.out), served) > 0.9999);
      const npy = await Deno.readFile(out);
      const rows = new Float32Array(npy.slice(-6 * WIDTH * 4).buffer);
      const alike = [0, 1, 2, 3, 4, 5].map((row) =>
        cosine(feature, rows.subarray(row * WIDTH, (row + 1) * WIDTH))
      );
      assert(alike[0] > 0.999 && Math.max(...alike) === alike[0], `${alike}`);
      assertStringIncludes(new TextDecoder().decode(npy), "(6, 4096,)");
      assert(rows.every((x) => x >= 0) && rows.some((x) => x > 0));

      const exported = await runTask("export", [
        ...["--model-path", run, "--format", "savedmodel"],
      ]);
      assertEquals(exported.code, 0, exported.err);
      assertStringIncludes(exported.out, `to ${run}-savedmodel`);
      const twice = await runTask("export", [
        ...["--model-path", run, "--format", "savedmodel"],
      ]);
      assertEquals(twice.code, 2);
      assertStringIncludes(twice.err, "it is not empty");

      const again = await runTask("train", ["--dir", run]);
      assertEquals(again.code, 2);
      assertStringIncludes(again.err, "it already holds a run");
    });
  },
});

const skipped = python === undefined
  ? " (skipped: no Python with torch, torchvision and safetensors)"
  : engine.reason;

Deno.test({
  name: `torchvision loads our backbone and gives our features${skipped}`,
  ignore: python === undefined || engine.ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const { code, out, err } = await runTask("export_case", [dir]);
      assertEquals(code, 0, err);
      const exported = await runTask("export", [
        ...["--model-path", out.trim(), "--format", "safetensors"],
        ...["--out", `${dir}/export`],
      ]);
      assertEquals(exported.code, 0, exported.err);
      const script = new URL("../fixtures/load_backbone.py", import.meta.url);
      const text = new TextDecoder();
      for (const file of [out.trim(), `${dir}/export/model.safetensors`]) {
        const result = await new Deno.Command(python!, {
          args: [script.pathname, file, `${dir}/case.json`],
        }).output();
        assert(result.success, text.decode(result.stderr));
        assertStringIncludes(text.decode(result.stdout), "All keys matched");
      }
      const backbone = await runTask("export", [
        ...["--model-path", out.trim(), "--part", "backbone"],
        ...["--out", `${dir}/backbone`],
      ]);
      assertEquals(backbone.code, 0, backbone.err);
      const card = await Deno.readTextFile(`${dir}/backbone/README.md`);
      const [, lines] = /```python\n(.*?)```/s.exec(card)!;
      const shape =
        "import torch; print(*model(torch.rand(2, 3, 32, 32)).shape)";
      const told = await new Deno.Command(python!, {
        args: ["-c", lines + shape],
        cwd: `${dir}/backbone`,
      }).output();
      assertEquals(
        text.decode(told.stdout),
        "2 512\n",
        text.decode(told.stderr),
      );
    });
  },
});

const reader = await findPython("tensorboard");
const noReader = reader === undefined
  ? " (skipped: no Python with tensorboard)"
  : engine.reason;

/** Prints the scalars that TensorBoard reads. */
const READ_EVENTS = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
print(json.dumps({
    tag: [[event.step, event.value] for event in events.Scalars(tag)]
    for tag in events.Tags()["scalars"]
}))
`;

Deno.test({
  name: `TensorBoard reads our event files${noReader}`,
  ignore: reader === undefined || engine.ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const run = `${dir}/run`;
      const trained = await runTask("train", [
        ...["--dir", run, "--limit-images", "8", "--bs", "4", "--patch-size"],
        ...["8", "--num-patches", "2", "--precision", "fp32", "--tensorboard"],
      ]);
      assertEquals(trained.code, 0, trained.err);
      const { success, stdout, stderr } = await new Deno.Command(reader!, {
        args: ["-c", READ_EVENTS, `${run}/tensorboard`],
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const events = JSON.parse(new TextDecoder().decode(stdout));
      const lines = (await Deno.readTextFile(`${run}/metrics.jsonl`)).trim()
        .split("\n").map((line) => JSON.parse(line));
      for (
        const [tag, key] of [
          ["train/loss", "loss"],
          ["train/tcr", "tcr"],
          ["train/learning_rate", "lr"],
        ]
      ) {
        assertEquals(
          events[tag],
          lines.map((line) => [line.step, Math.fround(line[key])]),
        );
      }
    });
  },
});
