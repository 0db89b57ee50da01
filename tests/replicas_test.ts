/** Replicas that train together, in one process and in several. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { engineForTasks } from "./tasks.ts";
import { distances, trainByFormula, trainSpread } from "./replicas.ts";

const { ignore, reason } = await engineForTasks();

function assertClose(
  { losses, weights }: ReturnType<typeof distances>,
  what: string,
): void {
  assert(losses <= 1e-4, `${what}: losses are off by ${losses}`);
  assert(weights <= 1e-3, `${what}: weights are off by ${weights}`);
}

Deno.test({
  name: `with --sync-bn replicas train as one network does${reason}`,
  ignore,
  fn: async () => {
    const run = { sync: true, steps: 20 };
    const one = await trainSpread(run);
    const [first, last] = [one.losses[0], one.losses.at(-1)!];
    assert(last < first - 5, `nothing is learnt: ${first} to ${last}`);
    const replicas = await trainSpread({ ...run, replicas: 2 });
    assertClose(distances(replicas, one), "two replicas");
    const processes = await trainSpread({ ...run, processes: 2 });
    assertEquals(processes.losses, replicas.losses);
    assertClose(distances(processes, one), "two processes");
  },
});

Deno.test({
  name:
    `each replica has batch norms of its own, and one loss for all${reason}`,
  ignore,
  fn: async () => {
    const run = { sync: false, steps: 2 };
    const wanted = await trainByFormula({ parts: 2, steps: 2 });
    const replicas = await trainSpread({ ...run, replicas: 2 });
    assertClose(distances(replicas, wanted), "two replicas");
    // Synchronised batch norm statistics give clearly different losses.
    const together = await trainSpread({ ...run, replicas: 2, sync: true });
    assert(distances(together, wanted).losses > 1e-3);
    const processes = await trainSpread({ ...run, processes: 2 });
    assertEquals(processes.losses, replicas.losses);
  },
});

Deno.test({
  name: `TensorFlow's server is reached by its own address only${reason}`,
  ignore: ignore || Deno.build.os !== "linux",
  fn: async () => {
    const port = 22000 + Deno.pid % 900;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--allow-all"],
        new URL("./listen_case.ts", import.meta.url).pathname,
        ...[`127.0.0.1:${port}`, `127.0.0.1:${port + 1}`],
      ],
      stdout: "piped",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    try {
      assertEquals((await lines.read()).value, "alone\n");
      const reach = async (hostname: string) => {
        const signal = AbortSignal.timeout(1000);
        using _ = await Deno.connect({ hostname, port, signal });
      };
      await reach("127.0.0.1");
      // 127.0.0.2 is this machine too, but the server does not listen on it.
      await assertRejects(() => reach("127.0.0.2"));
    } finally {
      child.kill("SIGKILL");
      await lines.cancel();
      await child.status;
    }
  },
});
