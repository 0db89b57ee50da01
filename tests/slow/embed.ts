/** An embedding that is killed and started again. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder, writeImages } from "../images.ts";
import { runTask } from "../tasks.ts";
import { finish, SHORT_RUN, startTraining } from "../training_process.ts";

Deno.test("SIGKILL in the middle of an embedding changes nothing", async () => {
  await withFolder(async (dir) => {
    const run = `${dir}/run`, data = `${dir}/data`;
    const trained = await finish(startTraining([...SHORT_RUN, "--dir", run]));
    assertEquals(trained.code, 0, trained.text);
    await writeImages(data, { classes: 1, each: 150 });
    await Deno.writeTextFile(`${data}/train/c0/3.png`, "no image");
    const flags = (name: string) => [
      ...["--model-path", run, "--data-dir", data, "--patches", "64"],
      ...["--precision", "fp32", "--out", `${dir}/${name}.parquet`],
    ];
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--allow-all"],
        new URL("../../tasks/embed.ts", import.meta.url).pathname,
        ...flags("cut"),
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (let tries = 0; tries < 3000; tries++) {
      const part = await Deno.stat(`${dir}/cut.parquet.part`)
        .catch(() => undefined);
      // More than three batches of 16 rows of 1,024 fp32 numbers.
      if (part && part.size > 3 * 16 * 1024 * 4) break;
      await new Promise((done) => setTimeout(done, 10));
    }
    child.kill("SIGKILL");
    assertEquals((await child.status).code, 137);
    const again = await runTask("embed", flags("cut"));
    assertEquals(again.code, 0, again.err);
    assertStringIncludes(again.out, "Resuming after");
    const whole = await runTask("embed", flags("whole"));
    assertStringIncludes(whole.err, "3.png");
    const [cut, wanted] = await Promise.all(
      ["cut", "whole"].map((name) => Deno.readFile(`${dir}/${name}.parquet`)),
    );
    assert(cut.every((byte, i) => byte === wanted[i]));
    assertEquals(cut.length, wanted.length);
  });
});
