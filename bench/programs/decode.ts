/**
 * Our decoding for bench/images.ts: for each line `folder first count` it decodes so
 * many of the folder's files and prints the seconds. With `--cache DIR` it uses a cache
 * in that folder.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { decodeFile } from "../../src/data/decode.ts";
import { cachedDecode } from "../../src/data/decoded_cache.ts";
import { imagesUnder } from "../../src/data/image_files.ts";

const { cache } = parseArgs(Deno.args, { string: ["cache"] });
const decode = cache
  ? cachedDecode(decodeFile, { dir: cache, side: 448 })
  : decodeFile;
const listings = new Map<string, string[]>();
console.log(cache ? "sharp, with a cache" : "sharp");
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
for await (const line of lines) {
  const [, folder, first, count] = /^(.+) (\d+) (\d+)$/.exec(line.trim())!;
  if (!listings.has(folder)) {
    listings.set(folder, await imagesUnder(folder));
  }
  const from = Number(first);
  const paths = listings.get(folder)!.slice(from, from + Number(count));
  const begin = performance.now();
  for (const path of paths) await decode(path);
  console.log((performance.now() - begin) / 1000);
}
