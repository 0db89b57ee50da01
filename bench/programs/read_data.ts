/**
 * Our reading of a data set for bench/shards.ts: it opens a data set and prints the
 * seconds; then, for each line with a number, it reads so many images in the order of
 * an epoch and prints the seconds and the peak memory so far, in MB.
 *
 * @module
 */
import { openDataset } from "../../src/data/open_dataset.ts";
import { placeOf } from "../../src/stream/order.ts";
import { peakMemory } from "./peak_memory.ts";

const [name, dir] = Deno.args as [string, string];
const begin = performance.now();
const dataset = await openDataset({ name, dir, split: "train" });
console.log((performance.now() - begin) / 1000);
const { length: count, blocks } = dataset;
const order = { count, images: 1, shuffle: true, seed: 0, blocks };
let at = 0;
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
for await (const line of lines) {
  const start = performance.now(), end = at + Number(line);
  for (; at < end; at++) {
    await dataset.image(placeOf(at % count, 0, order).image);
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(seconds, peakMemory() / 1000);
}
