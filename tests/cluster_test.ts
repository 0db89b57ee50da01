/** The processes of a cluster: their addresses, the rendezvous, lost processes. */
import "./flags.ts";
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect } from "node:net";
import { codeOf, EmpSslError } from "../src/common/errors.ts";
import {
  checkMembership,
  checkOwnName,
  expandHosts,
  membershipOf,
} from "../src/cluster/membership.ts";
import { rendezvousAddress } from "../src/common/address.ts";
import type { RendezvousOptions } from "../src/cluster/rendezvous.ts";
import {
  followAgreement,
  imagesOf,
  sharedSettings,
} from "../src/cluster/agreement.ts";
import { programDigest } from "../src/cluster/program_digest.ts";
import { openDataset } from "../src/data/open_dataset.ts";
import { type TrainConfig, trainSource } from "../src/checkpoint/run_config.ts";
import { withDefaults } from "../src/train/choices.ts";
import { resolveConfig } from "../src/train/config.ts";
import { microBatchOf } from "../src/train/batch.ts";
import { checkLoss } from "../src/train/health.ts";
import { availableMemory, stepBytes } from "../src/engine/micro_batch.ts";
import type { EngineReport } from "../src/engine/engine.ts";
import { modelOf } from "../src/model/model_of.ts";
import { Peers } from "../src/cluster/heartbeat.ts";
import { VERSION } from "../src/common/version.ts";
import { withFolder, writeImages } from "./images.ts";

const from = (variables: Record<string, string>) =>
  membershipOf((name) => variables[name]);

Deno.test("TF_CONFIG names the processes, a chief first", () => {
  const cluster = { chief: ["a:1"], worker: ["b:2", "c:3"] };
  const task = { type: "worker", index: 1 };
  assertEquals(from({ TF_CONFIG: JSON.stringify({ cluster, task }) }), {
    addresses: ["a:1", "b:2", "c:3"],
    task: 2,
  });
  const alone = { cluster: { worker: ["b:2"] }, task: { index: 0 } };
  assertEquals(from({ TF_CONFIG: JSON.stringify(alone) }), undefined);
  const two = { worker: ["a:1", "b:2"] };
  const refused: [unknown, string][] = [
    [null, "it is no object"],
    [[], "it is no object"],
    [{ cluster: { worker: "a:1,b:2" } }, "its worker is no list of addresses"],
    [{ cluster: { worker: ["a:1", 7] } }, "its worker is no list of addresses"],
    [{ cluster: two }, "its task index is missing"],
    [{ cluster: two, task: { index: "1" } }, 'its task index is "1"'],
    [
      { cluster: two, task: { index: 2 } },
      "its task index is 2, and there are 2 of type",
    ],
    [
      { cluster: { chief: ["a:1"] }, task: { type: "evaluator", index: 0 } },
      "its task type is evaluator, which does not train",
    ],
    [
      { cluster: two, task: { type: "ps", index: 0 } },
      "its task type is ps, which does not train",
    ],
  ];
  for (const [config, found] of refused) {
    const read = () => from({ TF_CONFIG: JSON.stringify(config) });
    assertThrows(read, EmpSslError, `Cannot read TF_CONFIG: ${found}`);
  }
  assertThrows(() => from({ TF_CONFIG: "{" }), EmpSslError, "TF_CONFIG");
});

Deno.test("Slurm's variables name the processes of a step", () => {
  const step = {
    SLURM_STEP_NUM_TASKS: "5",
    SLURM_STEP_NODELIST: "gpu[08-09],big",
    SLURM_STEP_TASKS_PER_NODE: "2(x2),1",
    SLURM_PROCID: "3",
  };
  assertEquals(from(step), {
    addresses: [
      ...["gpu08:8470", "gpu08:8471", "gpu09:8470", "gpu09:8471"],
      "big:8470",
    ],
    task: 3,
  });
  assertThrows(
    () => from({ ...step, SLURM_PROCID: "" }),
    EmpSslError,
    "Cannot read Slurm's variables: SLURM_PROCID is",
  );
  assertEquals(from({ ...step, SLURM_STEP_NUM_TASKS: "1" }), undefined);
  assertEquals(from({}), undefined);
  assertEquals(expandHosts("a[1-2,10]x,b"), ["a1x", "a2x", "a10x", "b"]);
  assertEquals(expandHosts("r[1-2]n[8,10]"), [
    "r1n8",
    "r1n10",
    "r2n8",
    "r2n10",
  ]);
});

Deno.test("processes that cannot be are refused", () => {
  const cases: [string[], number, string][] = [
    [["a"], 0, "a is not a valid address"],
    [["a:1", ""], 0, "an empty entry is not a valid address"],
    [["a:70000", "b:1"], 0, "a:70000 is not a valid address"],
    [["a:1", "a:1"], 0, "the same address"],
    [["a:1", "b:1"], 2, "0 to 1"],
    [["a:4902", "a:5902"], 0, "process 0 listens for the others on a:5902"],
  ];
  for (const [addresses, task, found] of cases) {
    const check = () => checkMembership({ addresses, task });
    assertThrows(check, EmpSslError, found);
  }
  checkMembership({ addresses: ["10.0.0.1:80", "gpu-1.local:65535"], task: 1 });
  assertThrows(
    () => checkMembership({ addresses: ["a:1", "b:1"] }),
    EmpSslError,
    "give --task",
  );
  checkMembership({ addresses: ["a:1"] });
  assertThrows(
    () => checkMembership({ addresses: [] }),
    EmpSslError,
    "it is empty",
  );
});

Deno.test("this machine's name may mean the loopback address, if all are here", async () => {
  const name = Deno.hostname();
  await checkOwnName({ addresses: [`${name}:1`, `${name}:2`], task: 0 });
  const { address } = await lookup(name, { family: 4 })
    .catch(() => ({ address: "" }));
  if (!address.startsWith("127.")) return;
  await assertRejects(
    () => checkOwnName({ addresses: [`${name}:1`, "10.0.0.9:2"], task: 0 }),
    EmpSslError,
    "other machines cannot reach",
  );
});

// The rendezvous of a port is 1000 above it.
let port = 24000 + (Deno.pid % 30) * 30;

/** Options for some processes, each with its own port. */
function optionsFor(processes: number) {
  const addresses = Array.from(
    { length: processes },
    () => `127.0.0.1:${port++}`,
  );
  const settings = { version: "1", "--bs": "8" };
  return addresses.map((_, task) => ({
    addresses,
    task,
    timeout: 1,
    settings,
  }));
}

/** Process 0 listens and sends its plan at once; the others join. */
function meet(options: RendezvousOptions): Promise<Peers<{ step: number }>> {
  if (options.task > 0) return Peers.join(options);
  const host = Peers.host<{ step: number }>(options);
  return host.welcome({ step: 7 }).finally(() => host[Symbol.dispose]());
}

Deno.test("all get the plan of process 0, and none ends before all have finished", async () => {
  const peers = await Promise.all(optionsFor(3).map(meet));
  assertEquals(peers.map(({ plan }) => plan), Array(3).fill({ step: 7 }));
  const gone: number[] = [];
  const leave = async (task: number) => {
    await peers[task].finish();
    gone.push(task);
  };
  const ends = [leave(0), leave(1)];
  await new Promise((done) => setTimeout(done, 200));
  assertEquals(gone, []);
  await Promise.all([...ends, leave(2)]);
  assertEquals(gone.toSorted(), [0, 1, 2]);
  for (const peer of peers) peer[Symbol.dispose]();
});

Deno.test("all wait until the last has its data and its engine", async () => {
  const peers = await Promise.all(optionsFor(3).map(meet));
  let ready = 0;
  const wait = (task: number) => peers[task]!.ready().then(() => ready++);
  const early = [wait(0), wait(1)];
  await new Promise((done) => setTimeout(done, 200));
  assertEquals(ready, 0);
  await Promise.all([...early, wait(2)]);
  const [first, second] = await Promise.all(optionsFor(2).map(meet));
  const lost = assertRejects(() => first!.ready(), EmpSslError, "it has ended");
  second![Symbol.dispose]();
  await lost;
  for (const peer of [...peers, first!]) peer[Symbol.dispose]();
});

Deno.test("a lost process ends the work of all, by name", async () => {
  const peers = await Promise.all(optionsFor(3).map(meet));
  const never = new Promise<never>(() => {});
  const ends = [0, 2].map((task) =>
    assertRejects(() => peers[task].guard(never), EmpSslError, "process 1 (")
  );
  peers[1][Symbol.dispose]();
  await Promise.all(ends);
  const felt = await peers[2].explain(new Error("a collective broke"));
  assert(felt instanceof EmpSslError && felt.code === "PEER_LOST");
  peers[0][Symbol.dispose]();
  peers[2][Symbol.dispose]();
});

Deno.test("a loss that is not finite is each process's own, with its code", async () => {
  const peers = await Promise.all(optionsFor(3).map(meet));
  const caught = () => assertThrows(() => checkLoss(NaN, 5), EmpSslError);
  // The third waits in a step that the others do not make.
  const end = assertRejects(
    () => peers[2].guard(new Promise<never>(() => {})),
    EmpSslError,
    "it ended: Cannot continue after step 5: the loss is NaN",
  );
  const [first, second] = [caught(), caught()];
  const told = peers[1].explain(second);
  await new Promise((done) => setTimeout(done, 50));
  assertEquals(await peers[0].explain(first), first);
  assertEquals(await told, second);
  const third = await end;
  assertEquals(codeOf(third), "NOT_FINITE");
  assertStringIncludes(third.message, ", do what its error says");
  for (const peer of peers) peer[Symbol.dispose]();
});

Deno.test("long options of a module reach the other processes", async () => {
  const long = "x".repeat(400_000);
  const [host, other] = optionsFor(2);
  const asked = { dataOptions: { paths: [long] } };
  const settings = sharedSettings({
    asked: withDefaults({ ...asked, cluster: host!.addresses }),
    resumes: false,
  });
  using listening = Peers.host<typeof asked>({ ...host!, settings });
  const [own, joined] = await Promise.all([
    listening.welcome(asked),
    Peers.join<typeof asked>({ ...other!, settings }),
  ]);
  assertEquals(joined.plan, asked);
  for (const peer of [own, joined]) peer[Symbol.dispose]();
});

Deno.test("an error of one process is told to the others", async () => {
  const peers = await Promise.all(optionsFor(2).map(meet));
  const never = new Promise<never>(() => {});
  const end = assertRejects(
    () => peers[0].guard(never),
    EmpSslError,
    "it ended: no memory",
  );
  const error = new Error("no memory");
  assertEquals(await peers[1].explain(error), error);
  await end;
  for (const peer of peers) peer[Symbol.dispose]();
});

Deno.test("a process that does not connect is named, at both ends", async () => {
  const [chief, , other] = optionsFor(3);
  await Promise.all([
    assertRejects(
      () => meet(chief),
      EmpSslError,
      `process 1 (${chief.addresses[1]}): it did not connect within 1 s`,
    ),
    assertRejects(() => meet(other), EmpSslError, "process 1 ("),
  ]);
  const [, alone] = optionsFor(2);
  await assertRejects(
    () => meet(alone),
    EmpSslError,
    "could not be reached within 1 s",
  );
});

Deno.test("a wait for other processes ends with the signal", async () => {
  for (const task of [0, 1]) {
    const options = { ...optionsFor(2)[task]!, timeout: 30 };
    const controller = new AbortController(), { signal } = controller;
    setTimeout(() => controller.abort("enough"), 300);
    const begin = performance.now();
    using host = task === 0 ? Peers.host<{ step: number }>(options) : undefined;
    const wait = host?.welcome({ step: 1 }, signal) ??
      Peers.join(options, signal);
    assertEquals(await wait.catch((error) => error), "enough");
    assert(performance.now() - begin < 5000);
  }
});

Deno.test("process 0 may prepare for longer than the others wait for a sign of it", async () => {
  const [first, second] = optionsFor(2);
  using host = Peers.host<{ step: number }>(first);
  const joining = Peers.join<{ step: number }>(second);
  // Longer than the timeout of 1 s for a silent process.
  await new Promise((done) => setTimeout(done, 2500));
  using peers = await host.welcome({ step: 9 });
  using other = await joining;
  assertEquals([peers.plan, other.plan], [{ step: 9 }, { step: 9 }]);
  // Some heartbeats later both are still connected.
  const later = new Promise((done) => setTimeout(() => done(1), 700));
  assertEquals(await peers.guard(later), 1);
  assertEquals(await other.guard(later), 1);
});

Deno.test("process 0 that fails while it prepares tells the others", async () => {
  const [first, second] = optionsFor(2);
  const host = Peers.host(first);
  const end = assertRejects(
    () => Peers.join(second),
    EmpSslError,
    "it ended while it prepared the run",
  );
  await new Promise((done) => setTimeout(done, 300));
  host[Symbol.dispose]();
  await end;
});

Deno.test("two processes of one number: the second is told so", async () => {
  const [chief, second, third] = optionsFor(3);
  const met = Promise.all([meet(chief), meet(second)]);
  met.catch(() => {});
  // The rendezvous waits for process 2 while another process 1 comes.
  await new Promise((done) => setTimeout(done, 100));
  const { message } = await assertRejects(() => meet(second), EmpSslError);
  assertStringIncludes(
    message,
    "a process of this number has connected already",
  );
  const last = await meet(third);
  for (const peer of [...await met, last]) peer[Symbol.dispose]();
});

Deno.test("different settings are refused, at both ends", async () => {
  const [chief, other] = optionsFor(2);
  const settings = { ...other.settings, "--bs": "16" };
  const found = "it has --bs 16 where process 0 has 8";
  {
    const [first, second] = optionsFor(2);
    using host = Peers.host(first!);
    // Long before the plan.
    const join = () => Peers.join({ ...second!, settings });
    await assertRejects(join, EmpSslError, found);
    assertStringIncludes(host.refused.reason.message, found);
  }
  await Promise.all([
    assertRejects(() => meet(chief), EmpSslError, found),
    assertRejects(
      () => meet({ ...other, settings }),
      EmpSslError,
      found,
    ),
  ]);
});

const STRANGE = [
  "GET / HTTP/1.1\r\n\r\n",
  "{}\n",
  "null\n",
  '{"hello":null}\n',
  '{"hello":{"task":1}}\n',
  '{"hello":{"task":9,"settings":{}}}\n',
  "x".repeat(1 << 19),
];

Deno.test("a foreign connection to the rendezvous port does no harm", async () => {
  const [chief, other] = optionsFor(2);
  const joining = meet(chief);
  // A connection that sends nothing and stays open.
  const silent = await Deno.connect(rendezvousAddress(chief.addresses[0]));
  for (const text of STRANGE) {
    const stranger = await Deno.connect(rendezvousAddress(chief.addresses[0]));
    await stranger.write(new TextEncoder().encode(text)).catch(() => {});
    stranger.close();
  }
  // One that is gone before it is accepted, as in a scan of ports.
  const { hostname, port } = rendezvousAddress(chief.addresses[0]);
  const reset = connect(port, hostname);
  await once(reset, "connect");
  reset.resetAndDestroy();
  const peers = await Promise.all([joining, meet(other)]);
  // Process 0 has closed that connection.
  assertEquals(await silent.read(new Uint8Array(1)), null);
  silent.close();
  for (const peer of peers) peer[Symbol.dispose]();
});

Deno.test("processes compare the version and the choices that they must share", () => {
  const cluster = ["127.0.0.1:1", "127.0.0.1:2"];
  const asked = withDefaults({ data: "cifar10", cluster, task: 1 });
  const settings = (changes: Partial<TrainConfig> = {}, resumes = false) =>
    sharedSettings({ asked: { ...asked, ...changes }, resumes });
  const own = settings();
  assertEquals(own.version, VERSION);
  assertEquals([own["--bs"], own["--num-patches"]], ["100", "20"]);
  const differing = (changes: Partial<TrainConfig>) => {
    const other = settings(changes);
    return Object.keys(own).filter((name) => own[name] !== other[name]);
  };
  assertEquals(differing({ lr: 0.1 }), ["--lr"]);
  assertEquals(differing({ schedule: "linear" }), ["--schedule"]);
  // A default that is given, and choices of one machine.
  assertEquals(differing({ schedule: "cosine" }), []);
  assertEquals(differing({ dataDir: "/data", threads: 3, task: 0 }), []);
  // A cache lowers the resolution of large images, in whichever folder.
  assertEquals(differing({ cache: "/a" }), ["--cache"]);
  // Process 0 reads the others from the checkpoint.
  assertEquals(settings({ bs: 4 }, true)["--bs"], undefined);
  assertEquals(settings({}, true)["--resume"], "given");
});

Deno.test("another process resumes with the cache and the classes of the run", async () => {
  const [{ addresses }] = optionsFor(2);
  const stored = { cache: "/scratch/cache", classes: "classes.txt" };
  const config = { ...await resolveConfig({}), ...stored };
  const given = { cluster: addresses, task: 1, dataDir: "/elsewhere" };
  const asked = withDefaults(given);
  using host = Peers.host({
    ...{ addresses, task: 0, timeout: 5 },
    settings: sharedSettings({ asked, resumes: true }),
  });
  const resolved: Partial<TrainConfig>[] = [];
  const following = followAgreement(given, {
    ...{ asked, resumes: true },
    resolve(choices) {
      resolved.push(choices);
      return Promise.reject(new Error("enough"));
    },
  });
  const end = assertRejects(() => following, Error, "enough");
  using _ = await host.welcome({ config, step: 0, replicas: 1, images: "" });
  await end;
  const { cache, classes, dataDir } = resolved[0]!;
  assertEquals({ cache, classes }, stored);
  assertEquals(dataDir, "/elsewhere");
});

Deno.test("another process trains on the views of process 0", async () => {
  const [{ addresses }] = optionsFor(2);
  const choices = { method: "simclr", bs: 8, cluster: addresses } as const;
  const config = await resolveConfig({ ...choices, task: 0 });
  const asked = (task: number) => withDefaults({ ...choices, task });
  using host = Peers.host(
    {
      addresses,
      task: 0,
      timeout: 5,
      settings: sharedSettings({ asked: asked(0), resumes: false }),
    },
  );
  const following = followAgreement({ ...choices, task: 1 }, {
    asked: asked(1),
    resumes: false,
    resolve: resolveConfig,
  });
  const source = trainSource(config), data = await openDataset(source);
  const images = await imagesOf(source, data);
  const plan = { config, step: 0, replicas: 1, images };
  using peers = await host.welcome(plan);
  const { config: own, peers: other } = await following;
  using _ = other;
  assertEquals(own.views, config.views);
  assertEquals(own.recipe, config.recipe);
  assertEquals(peers.plan, plan);
});

Deno.test("processes compare names, classes and some pixels of their images", async () => {
  await withFolder(async (dir) => {
    const digestOfFolder = async (name: string) => {
      const source = { name: "folder", dir: `${dir}/${name}` };
      const own = { ...source, split: "train" } as const;
      return await imagesOf(own, await openDataset(own));
    };
    for (const [name, side] of [["a", 32], ["b", 32], ["c", 33]] as const) {
      await writeImages(`${dir}/${name}`, { classes: 2, each: 2, side });
    }
    const a = await digestOfFolder("a");
    assertEquals(await digestOfFolder("b"), a);
    assertNotEquals(await digestOfFolder("c"), a);
    assertEquals(programDigest()?.length, 16);
  });
});

Deno.test("a method of views refuses a batch that its device cannot hold", async () => {
  const arch = "resnet18-imagenet";
  const config = await resolveConfig({ method: "simclr", arch });
  const batchOn = (bs: number, memoryBytes: number) => () =>
    microBatchOf({ ...config, bs, patchSize: 224 }, {
      ...{ engine: "tensorflow", version: "2", device: "GPU" },
      ...{ precision: "bf16", memoryBytes },
    });
  assertEquals(batchOn(2048, 141e9)(), undefined);
  // A stem's map of 3,072 images has 2.47·10⁹ numbers.
  assertThrows(batchOn(3072, 141e9), Error, "over 2³¹ numbers, give fewer");
  assertThrows(batchOn(2048, 60e9), Error, "GB and 60.0 GB are free");
});

Deno.test("processes on one machine share its memory", async () => {
  const numPatches = 20, patchSize = 32;
  const free = availableMemory();
  // So many images that a step of all just fits, and a half of two processes not.
  let bs = 2;
  const arch = "resnet18-cifar", model = modelOf({ arch });
  const needed = (images: number) =>
    stepBytes({ model, patchSize }, images * numPatches);
  while (needed(bs) < 0.6 * free) bs += 2;
  const config = await resolveConfig({ numPatches, patchSize, arch });
  const report: EngineReport = {
    engine: "cpu",
    version: "1",
    device: "CPU",
    precision: "fp32",
  };
  const splitOf = (cluster?: string[]) =>
    microBatchOf({ ...config, bs, cluster, task: 0 }, report);
  assertEquals(splitOf(), undefined);
  assert(splitOf(["a:1", "a:2", "a:3", "a:4"])! < numPatches);
  assertEquals(splitOf(["a:1", "b:1", "c:1", "d:1"]), undefined);
});
