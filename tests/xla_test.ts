/**
 * The training step compiled by XLA on the CPU has the same parity with PyTorch as
 * without XLA. In a separate process, since XLA must be enabled before the library is
 * loaded.
 */
import { assert, assertEquals } from "@std/assert";
import { withFolder } from "./images.ts";
import { engineForTasks } from "./tasks.ts";

const { ignore, reason } = await engineForTasks();

Deno.test({
  name: `under XLA the step gives PyTorch's numbers${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const { code, stdout, stderr } = await new Deno.Command(
        Deno.execPath(),
        {
          args: [
            ...["test", "--no-check", "--allow-all"],
            new URL("./isolated/xla.ts", import.meta.url).pathname,
          ],
          env: { NO_COLOR: "1", XLA_FLAGS: `--xla_dump_to=${dir}` },
        },
      ).output();
      const text = [stdout, stderr].map((bytes) =>
        new TextDecoder().decode(bytes)
      ).join();
      assertEquals(code, 0, text);
      // XLA has dumped what it compiled: clusters of the step.
      const modules = [...Deno.readDirSync(dir)].map(({ name }) => name)
        .filter((name) => /before_optimizations\.txt$/.test(name));
      assert(modules.length > 0, "nothing was compiled");
    });
  },
});
