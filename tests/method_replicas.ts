/** Each method trained over replicas, against the same training in one network. */
import { assert, assertEquals } from "@std/assert";
import type { MethodName } from "../src/model/methods/methods.ts";
import { distances, trainSpread } from "./replicas.ts";
import { engineForTasks } from "./tasks.ts";

const { ignore, reason } = await engineForTasks();

/** Declares the test of one method. */
export function testReplicas(method: MethodName): void {
  Deno.test({
    name: `${method} trains over replicas as in one network${reason}`,
    ignore,
    fn: async () => {
      const run = { sync: true, steps: 3, method };
      const one = await trainSpread(run);
      const replicas = await trainSpread({ ...run, replicas: 2 });
      const { losses, weights } = distances(replicas, one);
      assert(losses <= 1e-4, `losses are off by ${losses}`);
      assert(weights <= 1e-3, `weights are off by ${weights}`);
      if (method !== "ressl") return;
      const processes = await trainSpread({ ...run, processes: 2 });
      assertEquals(processes.losses, replicas.losses);
    },
  });
}
