/**
 * Prints the features of the images in a folder, one JSON line per image. The encoder
 * runs in this thread, for programs that do more with the features than `embed` does.
 * Images that cannot be read have no line; if they are more than 1 %, it ends.
 *
 *     deno run -A examples/encode.ts RUN FOLDER
 *
 * @module
 */
import { loadEncoder, openDataset, PatchStream } from "../mod.ts";

const [modelPath, dir] = Deno.args;
if (!modelPath || !dir) throw new Error("give RUN and FOLDER");
using encoder = await loadEncoder({ modelPath, images: 32, patches: 16 });
const { recipe, patchSize, images, patches, width } = encoder;
const { pixels, shrinkTo } = encoder;
const source = {
  name: "images",
  dir,
  split: "train",
  pixels,
  shrinkTo,
} as const;
const dataset = await openDataset(source);

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
  // The image index of each row, or −1 for a row without an image.
  const rows = stream.images;
  const features = await encoder.encode(batch);
  for (const [row, index] of rows.entries()) {
    if (index < 0) continue;
    const feature = [...features.subarray(row * width, (row + 1) * width)];
    const path = dataset.describe(index);
    // Images without labels have the label 0.
    const label = dataset.classes[dataset.label(index)];
    console.log(JSON.stringify({ index, path, label, feature }));
  }
}
