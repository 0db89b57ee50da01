/**
 * Writes the valid files that fuzzing starts from.
 *
 *     deno run -A fuzz/make_corpus.ts
 *
 * @module
 */
import { loadSharp } from "../src/deps/sharp.ts";
import { encodeSafetensors } from "../src/checkpoint/safetensors.ts";
import { cifarRecords, tarGz, zip } from "../tests/archive_files.ts";
import { TRAIN_DEFAULTS } from "../src/train/choices.ts";
import golden from "../fixtures/decode.json" with { type: "json" };
import { photo } from "../tests/formula.ts";

const folder = new URL("corpus/", import.meta.url);
const write = (name: string, content: Uint8Array | string) =>
  Deno.writeFile(
    new URL(name, folder),
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );

const model = encodeSafetensors([
  { name: "a.weight", shape: [2, 3], values: new Float32Array(6).fill(1) },
  { name: "b", shape: [4], values: Float32Array.of(1, 2, 3, 4) },
], {
  format: "pt",
  "emp-ssl": '{"config":{"arch":"resnet18-cifar"},"step":1}',
});
await write("model.safetensors", model);
await write(
  "checkpoint.json",
  JSON.stringify({
    step: 1,
    files: {
      "checkpoint-00000001.safetensors": { bytes: 3, sha256: "00" },
      "checkpoint-00000001.optimizer.safetensors": { bytes: 3, sha256: "00" },
    },
  }),
);
await write("metrics.jsonl", '{"step":0,"loss":-1}\n{"step":1,"loss":-2}\n');
await write(
  "images.txt",
  '{"format":"emp-ssl-images/1","name":"folder","classes":["a","b"],"count":2}\n' +
    '0\t10\t"train/a/0.png"\n1\t20\t"train/b/0.png"\n',
);
await write(
  "config.json",
  JSON.stringify({ ...TRAIN_DEFAULTS, dataDir: "photos", cluster: ["a:1"] }),
);
for (
  const [name, { bytes }] of Object.entries({
    "image.bmp": golden.files["plain.bmp"],
    "image.ppm": golden.files["plain.ppm"],
    "image.gif": golden.files["transparent.gif"],
  })
) await write(name, Uint8Array.fromBase64(bytes));
await write(
  "meta.mat",
  await Deno.readFile(new URL("../fixtures/meta.mat", import.meta.url)),
);
await write("data_batch_1.bin", cifarRecords(2, { labels: 1, classes: 10 }));
await write("val_annotations.txt", "val_0.JPEG\tn01443537\t0\t0\t63\t63\n");
const files = {
  "a/one.txt": new TextEncoder().encode("one"),
  "a/b/two.txt": new TextEncoder().encode("two ".repeat(300)),
};
const packed = await tarGz(files);
await write("archive.tar.gz", packed);
const tar = new Blob([packed as BlobPart]).stream()
  .pipeThrough(new DecompressionStream("gzip"));
await write(
  "archive.tar",
  new Uint8Array(await new Response(tar).arrayBuffer()),
);
await write("archive.zip", await zip(files));
const { width, height, data } = photo(24, 16, 1);
const sharp = await loadSharp();
await write(
  "image.jpg",
  await sharp(data, { raw: { width, height, channels: 3 } }).jpeg().toBuffer(),
);
