/**
 * Features of the images of a folder, one JSON line an image: with the encoder
 * in this thread, for programs that do more with them than `embed` does.
 *
 *     deno run -A examples/encode.ts RUN FOLDER
 *
 * @module
 */
import { loadEncoder, openDataset, PatchStream } from "../mod.ts";

const [modelPath, dir] = Deno.args;
const source = { name: "images", dir, split: "train" } as const;
const dataset = await openDataset(source);
const size = { images: 1, patches: 16 };
const encoder = await loadEncoder({ modelPath, ...size });

await using stream = await PatchStream.open({
  ...size,
  source,
  recipe: "cifar",
  patchSize: encoder.patchSize,
  shuffle: false,
  seed: 0,
  firstBatch: 0,
  endBatch: dataset.length,
}, { workers: 1 });

let image = 0;
for await (const patches of stream) {
  const feature = [...await encoder.encode(patches)];
  console.log(JSON.stringify({ path: dataset.describe(image++), feature }));
}
encoder.dispose();
