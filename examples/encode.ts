/**
 * Features of the images of a folder, one JSON line an image: with the encoder
 * in this thread, for programs that do more with them than `embed` does. Images
 * that cannot be read have no line.
 *
 *     deno run -A examples/encode.ts RUN FOLDER
 *
 * @module
 */
import { loadEncoder, openDataset, PatchStream } from "../mod.ts";

const [modelPath, dir] = Deno.args;
const source = { name: "images", dir, split: "train" } as const;
const dataset = await openDataset(source);
const encoder = await loadEncoder({ modelPath, images: 1, patches: 16 });
const { recipe, patchSize, images, patches } = encoder;

await using stream = await PatchStream.open({
  source,
  recipe,
  patchSize,
  images,
  patches,
  shuffle: false,
  seed: 0,
  firstBatch: 0,
  endBatch: dataset.length,
}, { workers: 1 });

for await (const batch of stream) {
  const [image] = stream.images;
  if (image < 0) continue;
  const feature = [...await encoder.encode(batch)];
  console.log(JSON.stringify({ path: dataset.describe(image), feature }));
}
encoder.dispose();
