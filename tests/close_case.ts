/**
 * Closes streams of patches while large images are decoded. A separate program: an image
 * whose memory is freed too early ends the process by a segmentation fault.
 */
import { PatchStream } from "../src/stream/patch_stream.ts";

const [dir] = Deno.args;
for (const after of [900, 500, 250]) {
  const stream = await PatchStream.open({
    source: { name: "images", dir: dir!, split: "train" },
    recipe: "cifar",
    ...{ patchSize: 16, images: 12, patches: 4, shuffle: false },
    ...{ seed: 0, firstBatch: 0, endBatch: 1 },
  }, { workers: 2 });
  await new Promise((done) => setTimeout(done, after));
  // Not awaited, as a program that goes on does.
  void stream.close();
  await new Promise((done) => setTimeout(done, 600));
}
console.log("alive");
