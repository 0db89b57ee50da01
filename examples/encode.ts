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
using encoder = await loadEncoder({ modelPath, images: 32, patches: 16 });
const { recipe, patchSize, images, patches, width } = encoder;

await using stream = await PatchStream.open({
  source,
  recipe,
  patchSize,
  images,
  patches,
  shuffle: false,
  seed: 0,
  firstBatch: 0,
  endBatch: Math.ceil(dataset.length / images),
}, { workers: 1 });

for await (const batch of stream) {
  // Row by row: the number of an image, or −1 for a row that is of none.
  const rows = stream.images;
  const features = await encoder.encode(batch);
  for (const [row, index] of rows.entries()) {
    if (index < 0) continue;
    const feature = [...features.subarray(row * width, (row + 1) * width)];
    const path = dataset.describe(index);
    // Of images without labels, the label is 0.
    const label = dataset.classes[dataset.label(index)];
    console.log(JSON.stringify({ index, path, label, feature }));
  }
}
