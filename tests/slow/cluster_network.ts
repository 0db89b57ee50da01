/**
 * Four processes in four network namespaces, connected by links of 1 Gbit/s and, where
 * the kernel has netem, a delay of 1 ms: they train; when one is lost, the others end in
 * time, and the run resumes with another number of processes. Takes some minutes, and
 * needs permission to create namespaces.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { finish, startTraining } from "../training_process.ts";

const PROCESSES = 4, TIMEOUT = 10;

/** A short run whose losses do not depend on how it is distributed. */
const RUN = [
  ...["--limit-images", "40", "--bs", "8", "--num-patches", "2"],
  ...["--patch-size", "8", "--epoch", "4", "--precision", "fp32"],
  ...["--engine", "tensorflow", "--threads", "1", "--save-every", "3"],
  ...["--lr", "0.000001", "--workers", "1"],
];
const STEPS = 20;

async function ip(...args: string[]): Promise<string> {
  const { code, stderr } = await new Deno.Command("ip", { args }).output()
    .catch((error) => ({
      code: 1,
      stderr: new TextEncoder().encode(`${error}`),
    }));
  return code === 0 ? "" : new TextDecoder().decode(stderr).trim();
}

const spaceOf = (i: number) => `empssl${i}`;
const linkOf = (i: number) => `empssl-v${i}`;
const hostOf = (i: number) => `10.77.0.${i + 1}`;
const BRIDGE = "empssl-br";

async function tearDown(): Promise<void> {
  for (let i = 0; i < PROCESSES; i++) await ip("netns", "del", spaceOf(i));
  await ip("link", "del", BRIDGE);
}

/** Creates the namespaces; returns why that failed, or an empty string. */
async function setUp(): Promise<string> {
  await tearDown();
  const commands = [`link add ${BRIDGE} type bridge`, `link set ${BRIDGE} up`];
  for (let i = 0; i < PROCESSES; i++) {
    commands.push(
      `netns add ${spaceOf(i)}`,
      `link add ${linkOf(i)} type veth peer name eth0 netns ${spaceOf(i)}`,
      `link set ${linkOf(i)} master ${BRIDGE} up`,
      `-n ${spaceOf(i)} addr add ${hostOf(i)}/24 dev eth0`,
      `-n ${spaceOf(i)} link set eth0 up`,
      `-n ${spaceOf(i)} link set lo up`,
    );
  }
  for (const command of commands) {
    const fault = await ip(...command.split(" "));
    if (fault !== "") {
      await tearDown();
      return `ip ${command}: ${fault}`;
    }
  }
  for (let i = 0; i < PROCESSES; i++) await slowDown(i);
  return "";
}

/** The `tc` settings for a slow link, best first: not every kernel has netem. */
const LINKS = [
  "netem rate 1gbit delay 1ms",
  "tbf rate 1gbit burst 1mb latency 50ms",
];

async function slowDown(i: number): Promise<void> {
  const add = [
    "netns",
    "exec",
    spaceOf(i),
    "tc",
    "qdisc",
    "add",
    "dev",
    "eth0",
  ];
  for (const link of LINKS) {
    const fault = await ip(...add, "root", ...link.split(" "));
    if (i === 0) console.log(`tc ${link}: ${fault || "set"}`);
    if (fault === "") return;
  }
}

let port = 5000;

interface Started {
  children: Deno.ChildProcess[];
  ends: Promise<{ code: number; text: string }[]>;
}

/** Starts processes, each in its own namespace. */
function start(processes: number, args: string[]): Started {
  port += 2;
  const cluster = Array.from(
    { length: processes },
    (_, i) => `${hostOf(i)}:${port}`,
  ).join();
  const children = Array.from(
    { length: processes },
    (_, task) =>
      startTraining([
        ...[...args, "--cluster", cluster, "--task", `${task}`],
        ...["--peer-timeout", `${TIMEOUT}`],
      ], ["ip", "netns", "exec", spaceOf(task)]),
  );
  return { children, ends: Promise.all(children.map(finish)) };
}

async function lossesOf(dir: string): Promise<number[]> {
  const text = await Deno.readTextFile(`${dir}/metrics.jsonl`)
    .catch(() => "");
  return text.trim().split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line).loss);
}

async function reachedStep(dir: string, steps: number): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if ((await lossesOf(dir)).length >= steps) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`${dir} did not come to step ${steps}`);
}

function assertSame(found: number[], wanted: number[]): void {
  assertEquals(found.length, wanted.length);
  for (const [i, loss] of found.entries()) {
    const off = Math.abs(loss / wanted[i] - 1);
    assert(off < 1e-4, `step ${i} is off by ${off}`);
  }
}

const fault = await setUp();
const reason = fault === "" ? "" : ` (skipped: ${fault})`;
if (fault === "") addEventListener("unload", () => void tearDown());

const LOSSES: Record<string, (of: Started) => Promise<unknown>> = {
  "is killed": ({ children }) => Promise.resolve(children[2].kill("SIGKILL")),
  "is stopped": ({ children }) => Promise.resolve(children[2].kill("SIGSTOP")),
  "loses its link": () => ip("link", "set", linkOf(2), "down"),
};

Deno.test({
  name: `four machines, and one of them is lost${reason}`,
  ignore: fault !== "",
  fn: async (t) => {
    const dir = await Deno.makeTempDir();
    const alone = await finish(startTraining([...RUN, "--dir", `${dir}/one`]));
    assertEquals(alone.code, 0, alone.text);
    const wanted = await lossesOf(`${dir}/one`);
    assertEquals(wanted.length, STEPS);

    await t.step("they train as one process does", async () => {
      const { ends } = start(PROCESSES, [
        ...RUN,
        "--sync-bn",
        "--dir",
        `${dir}/four`,
      ]);
      for (const { code, text } of await ends) assertEquals(code, 0, text);
      assertSame(await lossesOf(`${dir}/four`), wanted);
    });

    for (const [what, lose] of Object.entries(LOSSES)) {
      const run = `${dir}/${what}`;
      await t.step(`when one ${what} the others end in time`, async () => {
        const started = start(PROCESSES, [...RUN, "--sync-bn", "--dir", run]);
        await reachedStep(run, 7);
        await lose(started);
        const begin = performance.now();
        const others = await Promise.all(
          [0, 1, 3].map(async (task) => {
            await started.children[task].status;
            return (performance.now() - begin) / 1000;
          }),
        );
        assert(Math.max(...others) < TIMEOUT + 5, `after ${others} s`);
        if (what === "is stopped") started.children[2].kill("SIGKILL");
        const ends = await started.ends;
        for (const task of [0, 1, 3]) {
          assertEquals(ends[task].code, 2, ends[task].text);
          assertMatch(
            ends[task].text,
            /^Cannot continue without process 2 \(10\.77\.0\.3:\d+\): .*--resume/m,
          );
        }
        console.log(
          `ended ${others.map((s) => s.toFixed(1)).join(", ")} s after`,
        );
        if (what === "loses its link") await ip("link", "set", linkOf(2), "up");
      });

      const processes = what === "is killed" ? 2 : 1;
      await t.step(`and ${processes} go on with it`, async () => {
        const { ends } = start(processes, ["--resume", run]);
        for (const { code, text } of await ends) assertEquals(code, 0, text);
        assertSame(await lossesOf(run), wanted);
      });
    }
    await Deno.remove(dir, { recursive: true });
  },
});
