/**
 * Uses the patch stream without the trainer: batches of bytes, cut by workers.
 *
 *     deno run -A examples/patch_stream.ts
 *
 * @module
 */
import { PatchStream } from "../mod.ts";

await using stream = await PatchStream.open({
  source: { name: "shapes", split: "train" },
  recipe: "cifar",
  patchSize: 16,
  images: 100,
  patches: 20,
  shuffle: true,
  seed: 0,
  firstBatch: 0,
  endBatch: 15,
}, { workers: 2, signal: AbortSignal.timeout(60_000) });

const begin = performance.now();
let patches = 0;
// Each batch is patches × images × side × side × 3 bytes, patch 0 of all images
// first, and is valid until the next one is requested.
for await (const batch of stream) patches += batch.length / (16 * 16 * 3);
const seconds = (performance.now() - begin) / 1000;
console.log(`${patches} patches, ${Math.round(patches / seconds)} a second`);
