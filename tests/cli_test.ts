/** Command lines: what is accepted, and the messages for what is not. */
import "./flags.ts";
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { unavailable } from "../src/engine/tensorflow/load.ts";
import { EmpSslError } from "../src/common/errors.ts";
import { forChannels, RECIPES } from "../src/patches/recipe.ts";
import { validateConfig } from "../src/train/validate.ts";
import { helpText, parseCommand, parseFlags } from "../tasks/cli/flags.ts";
import { formatSeconds, Progress } from "../tasks/cli/progress.ts";
import { Summary } from "../tasks/cli/summary.ts";
import {
  command as evaluateCommand,
  configOf as evaluateConfigOf,
} from "../tasks/evaluate.ts";
import { command as reportCommand } from "../tasks/report.ts";
import { configOf } from "../tasks/cli/train_choices.ts";
import { command } from "../tasks/cli/train_flags.ts";
import { dirname } from "node:path";
import { quote } from "../tasks/cli/main.ts";
import { writeImages } from "./images.ts";
import { runTask } from "./tasks.ts";

const parse = (line: string) => configOf(parseFlags(line.split(" "), command));

Deno.test("the authors' own command line works when pasted", () => {
  const config = parse(
    "--data cifar10 --epoch 2 --patch_sim 200 --arch resnet18-cifar --num_patches 20 --lr 0.3",
  );
  assertEquals(
    [config.epoch, config.patchSim, config.numPatches, config.lr, config.bs],
    [2, 200, 20, 0.3, 100],
  );
});

Deno.test("a wrong flag gets the nearest right one", () => {
  const bad: [string, string][] = [
    ["--num-patchs 20", "did you mean --num-patches"],
    ["--epch 2", "did you mean --epoch"],
    ["--data cifar-10", "did you mean cifar10"],
    ["--arch resnet18", "it is not one of"],
    ["--lr fast", "it is not a number"],
    ["--lr", "it has no value"],
    ["--lr 1 --lr 2", "given more than once"],
    ["--bs 3 --batch-size 3", "given more than once"],
    ["cifar10", "unexpected argument"],
    ["-h", "did you mean --help"],
    ["-e 3", "did you mean --epoch, --eps, --eta or --engine"],
    ["--data photos.xy", "choose one of them"],
    ["--sync-bn=no", "it takes no value, write --sync-bn"],
    ["-- --epoch 3", "unexpected argument, leave it out"],
  ];
  for (const [line, why] of bad) {
    assertThrows(() => parse(line), Error, why);
  }
});

Deno.test("an empty value is that of its flag, and a switch may be true or false", () => {
  for (const flag of ["--bs", "--init"]) {
    const empty = () => configOf(parseFlags([flag, ""], command));
    assertThrows(empty, Error, `${flag}: it has no value`);
  }
  assertEquals(parse("--sync-bn=true").syncBn, true);
  assert(!parse("--sync-bn=false").syncBn);
  for (const flag of ["--linear=false", "--no-linear"]) {
    const values = parseFlags([flag, "--model-path", "a"], evaluateCommand);
    assert(!evaluateConfigOf(values).linear, flag);
  }
});

Deno.test("underscores of a name become hyphens, those of a value stay", () => {
  const words = "--recipe my_recipe.json";
  assertEquals(parse("--num_patches=5").numPatches, 5);
  assertEquals(parseFlags(["--msg", words], command).msg, words);
});

Deno.test("a run's configuration is replayed, and flags change it", async () => {
  const printed = await runTask("train", [
    ...["--print-config", "--bs", "30", "--seed", "5", "--tcr", "2"],
  ]);
  assertEquals(printed.code, 0, printed.err);
  const shown = JSON.parse(printed.out);
  assertEquals([shown.bs, shown.seed, shown.steps], [30, 5, 50]);
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(
      path,
      JSON.stringify({ ...shown, dir: "elsewhere", report: {} }),
    );
    const replayed = parse(`--config ${path}`);
    assertEquals([replayed.bs, replayed.seed, replayed.tcr], [30, 5, 2]);
    assertEquals(replayed.dir, undefined);
    assert(!("steps" in replayed));
    // A run stores its micro-batch, which belongs to its patches and its method.
    const run = { ...shown, microBatch: 10, patchSim: 100 };
    await Deno.writeTextFile(path, JSON.stringify(run));
    assertEquals(parse(`--config ${path}`).microBatch, 10);
    assertEquals(parse(`--config ${path} --num-patches 15`).microBatch, "auto");
    for (const flag of ["--bs 20", "--patch-size 8,16@0.5", "--channels 1"]) {
      assertEquals(parse(`--config ${path} ${flag}`).microBatch, "auto", flag);
    }
    assertEquals(parse(`--config ${path} --seed 1`).microBatch, 10);
    const other = parse(`--config ${path} --method vicreg`);
    assertEquals([other.microBatch, other.patchSim], ["auto", 200]);
    // The default head of a method belongs to the method and the architecture.
    const head = { hidden: 4096, embedding: 512 };
    const simclr = { data: "cifar10", method: "simclr" };
    await Deno.writeTextFile(
      path,
      JSON.stringify({ ...simclr, arch: "resnet18-imagenet", model: head }),
    );
    assertEquals(parse(`--config ${path}`).model, head);
    for (const flags of ["--method emp-ssl", "--arch resnet18-cifar"]) {
      assertEquals(parse(`--config ${path} ${flags}`).model, undefined);
    }
    await Deno.writeTextFile(path, JSON.stringify(run));
    const changed = parse(`--config ${path} --seed 6 --dir here`);
    assertEquals([changed.bs, changed.seed, changed.dir], [30, 6, "here"]);
    for (const bad of ["{", "null", "{}", '{"bs":30}']) {
      await Deno.writeTextFile(path, bad);
      assertThrows(
        () => parse(`--config ${path}`),
        Error,
        "Cannot use the configuration",
      );
    }
    const wrong: [string, string][] = [
      ['{"data":"cifar10","numPatchs":4}', "did you mean numPatches"],
      ['{"data":"cifar10","bs":"4"}', 'it is "4", give a number'],
      ['{"data":"cifar10","precision":"fp16"}', "give one of"],
      ['{"data":"cifar10","cluster":"a:1"}', "give a list"],
      ['{"data":"cifar10","steps":100}', "give maxSteps"],
    ];
    for (const [text, why] of wrong) {
      await Deno.writeTextFile(path, text);
      assertThrows(() => parse(`--config ${path}`), Error, why);
    }
    // The rate of a method's batch belongs to that batch; a cache, to files.
    const of200 = { data: "cifar10", method: "simclr", bs: 200, lr: 0.3125 };
    const cached = { data: "folder", cache: "/c", classes: "/l" };
    const stored = { ...shown, ...of200, arch: "resnet18-cifar", steps: 300 };
    const choicesOf = async (run: object) => {
      await Deno.writeTextFile(path, JSON.stringify({ ...stored, ...run }));
      const { lr, warmUp, recipe } = parse(`--config ${path}`);
      return [lr, warmUp, recipe];
    };
    const none = [undefined, undefined, undefined];
    assertEquals(await choicesOf({ warmUp: "10%" }), none);
    assertEquals(await choicesOf({ lr: 0.2, warmUp: "5%" }), [
      ...[0.2, "5%", undefined],
    ]);
    // VICReg's warm-up has steps enough: half of a run as short as this.
    const vicreg = { method: "vicreg", warmUp: "50%", lr: 0.3 * 200 / 256 };
    assertEquals(await choicesOf(vicreg), none);
    // The usual recipe of grey images is no choice of the user's.
    const grey = {
      recipe: forChannels(RECIPES.cifar, 1),
      model: { channels: 1 },
    };
    assertEquals((await choicesOf(grey))[2], undefined);
    assertEquals((await choicesOf({ ...grey, recipe: { flip: 0 } }))[2], {
      flip: 0,
    });
    await Deno.writeTextFile(path, JSON.stringify(cached));
    const { cache, classes } = parse(`--config ${path} --data cifar10`);
    assertEquals([cache, classes], [undefined, undefined]);
    // By the names of the ecosystem, and with a preset.
    const short = { data: "cifar10", epochs: 3, preset: "fast" };
    await Deno.writeTextFile(path, JSON.stringify(short));
    assertEquals(parse(`--config ${path} --epoch 1`).epoch, 1);
    const paper = parse(`--config ${path} --preset paper`);
    assertEquals([paper.patchSize, paper.numPatches], [undefined, 20]);
    // The defaults depend on the data set that the file names.
    await Deno.writeTextFile(path, '{"data":"cifar10"}');
    const written = parse(`--config ${path}`);
    assertEquals([written.epoch, written.bs], [2, 100]);
    assertEquals(parse("--seed 1").bs, 20);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("positional arguments stay text", () => {
  const { rest } = parseCommand(["001", "2026.10"], reportCommand);
  assertEquals(rest, ["001", "2026.10"]);
});

Deno.test("a cache for images that are not decoded is refused", async () => {
  const { code, err } = await runTask("train", ["--cache", "somewhere"]);
  assertEquals(code, 2);
  assertStringIncludes(err, "shapes has no separate image files to decode");
});

Deno.test("the end of a run names its bottleneck", () => {
  const summary = new Summary();
  assertEquals(summary.lines(1), []);
  const step = {
    step: 0,
    epoch: 0,
    lr: 0.3,
    loss: -300,
    invariance: 0.8,
    tcr: 140,
    effectiveRank: 12.25,
    computeSeconds: 3,
    waitSeconds: 1,
    patchesPerSecond: 90,
  };
  summary.step(step);
  summary.probe(0.345);
  const slow = summary.lines(75).join("\n");
  assertStringIncludes(slow, "1 in 1 min 15 s");
  assertStringIncludes(slow, "patches: 25.0 % of the time was spent waiting");
  assertStringIncludes(slow, "effective rank 12.3");
  assertStringIncludes(slow, "kNN top-1 34.5 %");
  for (let i = 0; i < 9; i++) summary.step({ ...step, waitSeconds: 0 });
  assertStringIncludes(summary.lines(75).join("\n"), "the engine: 3.2 %");
});

Deno.test("impossible values are refused", () => {
  const bad: [string, string][] = [
    ["--num-patches 1", "give a whole number from 2 up"],
    ["--num-patches 2.5", "give a whole number from 2 up"],
    ["--bs 1", "give a whole number from 2 up"],
    ["--epoch 0", "give a whole number from 1 up"],
    ["--micro-batch 3", "it does not divide the 20 patches"],
    ["--micro-batch some", "it is not a number"],
    ["--eps 0", "it must be positive"],
    ["--lr 0", "it must be positive"],
    ["--seed 1.5", "it is not a whole number from 0"],
    ["--workers 0", "give a whole number from 1 up"],
    ["--limit-images 0", "give a whole number from 1 up"],
    [
      "--method byol --bs 8 --replicas 8",
      "batch norm would see one view at a time in each of 8 replicas",
    ],
    [
      "--bs 4 --replicas 4 --micro-batch 1",
      "batch norm would see one patch at a time in each of 4 replicas",
    ],
  ];
  for (const [line, why] of bad) {
    assertThrows(() => validateConfig(parse(line)), Error, why);
  }
});

Deno.test("the help names every flag", () => {
  for (const one of [command, evaluateCommand]) {
    const text = helpText(one);
    for (const name of Object.keys(one.flags)) {
      assertStringIncludes(text, `--${name}`);
    }
  }
});

Deno.test("progress redraws a line on a terminal and writes plain lines elsewhere", () => {
  let out = "";
  const bar = new Progress("train", 3, true, (text) => out += text);
  bar.update(1, "a");
  bar.update(3, "b");
  assert(out.includes("\r\x1b[2K") && out.endsWith("3/3 · b\n"), out);
  out = "";
  const lines = new Progress("train", 3, false, (text) => out += text);
  lines.update(1, "a");
  lines.update(2, "too soon");
  lines.update(3, "b");
  assertEquals(out, "train 1/3 · a\ntrain 3/3 · b\n");
  assertEquals(
    [12, 200, 3725].map(formatSeconds),
    ["12 s", "3 min 20 s", "1 h 02 min"],
  );
});

Deno.test("the remaining time goes by the work that is left", async () => {
  let out = "";
  const bar = new Progress("train", 10, true, (text) => out += text)
    .weighted((done) => done < 10 ? done : 1e6);
  bar.update(1);
  await new Promise((done) => setTimeout(done, 120));
  bar.update(2);
  // 100 ms and more for the second of a million.
  assert(/2\/10 · \d+ h \d+ min left/.test(out), out);
});

Deno.test("progress fits the terminal, whatever its width is at the moment", () => {
  let out = "", columns = 120;
  const detail =
    "loss -301.12 · invariance 0.812 · coding rate 142.1 · 107 patches/s";
  const bar = new Progress(
    "train",
    30_000,
    true,
    (text) => out = text.replace("\r\x1b[2K", ""),
    undefined,
    () => columns,
  );
  // Half-way a wide line has the bar, the count, the time left and the detail.
  bar.update(1, detail);
  for (columns of [200, 120, 80, 40, 12]) {
    const shown = out;
    const until = performance.now() + 110;
    while (performance.now() < until);
    bar.update(15_000, detail);
    assert(out !== shown && out.length < columns, `${columns}: ${out}`);
    assertEquals(out.includes("░"), columns >= 150, out);
    assert(out.startsWith("train"), out);
  }
});

Deno.test("an output that cannot be written ends no task", async () => {
  for (const redirect of [">/dev/full 2>&1", ">&- 2>&-", "2>&1 | true"]) {
    const run = new URL("../tasks/train.ts", import.meta.url).pathname;
    const { code } = await new Deno.Command("bash", {
      args: [
        "-c",
        `set -o pipefail; "$0" run --no-check -A "$1" --help ${redirect}`,
        ...[Deno.execPath(), run],
      ],
    }).output();
    assertEquals(code, 0, redirect);
  }
});

Deno.test("a folder that is gone is one line with what to do, not a bug", async () => {
  const full = await runTask("setup", [], { EMP_SSL_CACHE: "/proc/none" });
  assertEquals([full.code, full.err.trim().split("\n").length], [2, 1]);
  assert(!full.err.includes("bug of ours"), full.err);
});

Deno.test("a run's folder of data is kept absolute", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await writeImages(dir, { classes: 2, each: 2 });
    const relative = `../..${"/..".repeat(20)}${dir}`;
    const { code, out, err } = await runTask("train", [
      ...["--print-config", "--data", "folder", "--data-dir", relative],
      ...["--bs", "2"],
    ]);
    assertEquals(code, 0, err);
    assertEquals(JSON.parse(out).dataDir, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("words of a printed command are quoted for a shell", () => {
  assertEquals(
    ["runs/x-1", "my run", "it's", "a$b"].map(quote),
    ["runs/x-1", "'my run'", `'it'\\''s'`, "'a$b'"],
  );
});

Deno.test("launch starts from a folder with a space and an umlaut in its name", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const clone = `${dir}/ein Ü 100%`;
    await Deno.mkdir(clone);
    for (const name of ["src", "tasks", "workers", "deno.json", "deno.lock"]) {
      await new Deno.Command("cp", {
        args: ["-r", new URL(`../${name}`, import.meta.url).pathname, clone],
      }).output();
    }
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "-A", `${clone}/tasks/launch.ts`],
        ...["--local", "2", "--", "train", "--help"],
      ],
      env: { PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}` },
    }).output();
    const text = new TextDecoder();
    assertEquals(code, 0, text.decode(stderr));
    assertStringIncludes(text.decode(stdout), "[1] Usage: deno task train");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a mistake ends in one line, a code that is not 0, and no stack", async () => {
  const bad: [string, string[], string][] = [
    ["train", ["--bs", "3000"], "shapes has 1500 images, give 1500 or fewer"],
    ["train", ["--data", "cifar10", "--no-download"], "with --data-dir"],
    [
      "train",
      ["--data", "cifar10", "--no-download", "--data-dir", "no/such"],
      "no such folder",
    ],
    ["train", ["--data", "cifar10", "--data-url", "x/y"], "it is not a URL"],
    ...Deno.build.os !== "linux" ? [] : [
      // Deno opens files in /dev only with --allow-all.
      ["train", ["--data", "images", "--data-dir", "/dev/shm"], "--allow-all"],
    ] as [string, string[], string][],
    ["train", ["--data-url", "http://x/y.zip"], "leave --data-url out"],
    ["train", ["--data", "imagenet100"], "name the folder with --data-dir"],
    [
      "train",
      ["--data", "imagenet100", "--data-dir", ".", "--classes", "no/such"],
      "no such file (a list of classes)",
    ],
    ["train", ["--probe", "often"], "it is not a number of steps"],
    ["train", ["--save-every", "often"], "it is neither steps nor minutes"],
    ["train", ["--resume", "no/such"], "no such file or folder"],
    ["train", ["--init", "no/such"], "Cannot start from no/such"],
    ["train", ["--engine", "wasm", "--precision", "bf16"], "--precision fp32"],
    ["train", ["--eps", "-1"], "give a number over 0"],
    ["evaluate", [], "no --model-path was given"],
    ["evaluate", ["--model-path", "no/such"], "no such file or folder"],
    ["evaluate", ["--model_path", "x", "--limit-test", "0"], "--limit-test 0"],
    ["setup", ["--variant", "tpu"], "it is not one of cpu, gpu"],
  ];
  const home = await Deno.makeTempDir();
  for (const [name, args, why] of bad) {
    // An empty cache: data that this machine has already downloaded is not used.
    const env = args.includes("cifar10") ? { EMP_SSL_CACHE: home } : undefined;
    const { code, out, err } = await runTask(name, args, env);
    assertEquals([code, out, err.trim().split("\n").length], [2, "", 1], err);
    assertStringIncludes(err, why);
  }
  await Deno.remove(home, { recursive: true });
});

Deno.test("an engine that is not the best says why the better is not taken", async () => {
  const cache = await Deno.makeTempDir();
  const { code, out } = await runTask("setup", ["--check"], {
    EMP_SSL_CACHE: cache,
  });
  await Deno.remove(cache, { recursive: true });
  assertEquals(code, 0);
  const why = "Cannot load the TensorFlow engine: it is not set up";
  assertStringIncludes(out, why);
});

Deno.test("packages that another user downloaded are told by their remedy", () => {
  const error = Object.assign(new Error("Failed reading 'a/package.json'."), {
    code: "EACCES",
  });
  const { message } = assertThrows(() => unavailable(error), EmpSslError);
  assertStringIncludes(
    message,
    "Failed reading 'a/package.json' (permission denied), make Deno's cache " +
      "readable for this user",
  );
});

Deno.test("set-up says what is missing, and how to get it", async () => {
  const cache = await Deno.makeTempDir();
  const empty = await Deno.makeTempDir();
  const run = (env: Record<string, string>) =>
    runTask("setup", [], { EMP_SSL_CACHE: cache, ...env });
  try {
    const none = await run({ PATH: empty });
    assertEquals(none.code, 2);
    assertStringIncludes(none.err, "there is no python3");
    await Deno.writeTextFile(`${cache}/file`, "");
    const noFolder = await run({ EMP_SSL_CACHE: `${cache}/file/x` });
    assertEquals(noFolder.code, 2);
    assertStringIncludes(noFolder.err, "name another in EMP_SSL_CACHE");
  } finally {
    await Deno.remove(cache, { recursive: true });
    await Deno.remove(empty, { recursive: true });
  }
});
