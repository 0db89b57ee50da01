/** Replicas that train together, in one process and in several. */
import { assert, assertEquals } from "@std/assert";
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
    // It shows in the losses whose statistics were taken.
    const together = await trainSpread({ ...run, replicas: 2, sync: true });
    assert(distances(together, wanted).losses > 1e-3);
    const processes = await trainSpread({ ...run, processes: 2 });
    assertEquals(processes.losses, replicas.losses);
  },
});
