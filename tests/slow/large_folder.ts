/** More images in one folder than a function call can have arguments. */
import { assertEquals } from "@std/assert";
import { openDataset } from "../../src/data/open_dataset.ts";
import { withFolder } from "../images.ts";

Deno.test("two hundred thousand images in one folder are found", async () => {
  await withFolder(async (dir) => {
    const count = 200_000;
    await Deno.mkdir(`${dir}/all`);
    for (let i = 0; i < count; i++) {
      await Deno.writeFile(`${dir}/all/${i}.jpg`, new Uint8Array());
    }
    const set = await openDataset({ name: "images", dir, split: "train" });
    assertEquals(set.length, count);
  });
});
