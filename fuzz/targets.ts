/**
 * The fuzz targets: the readers of untrusted files.
 *
 * @module
 */
import { openDataset } from "../src/data/open_dataset.ts";
import { decodeFile } from "../src/data/decode.ts";
import { checkFileIndex, openByIndex } from "../src/data/file_index.ts";
import { readMatlabStructs } from "../src/data/matlab.ts";
import { unpack } from "../src/data/unpack.ts";
import { readChoices } from "../src/train/config_schema.ts";
import { MetricsLog } from "../src/train/metrics.ts";
import { findCheckpoint } from "../src/checkpoint/find_checkpoint.ts";
import {
  decodeSafetensors,
  readSafetensorsMetadata,
} from "../src/checkpoint/safetensors.ts";

/** A reader and a valid file for it. */
export interface Target {
  /** The valid file in `corpus/`. */
  seed: string;
  /** Reads a file; `dir` is an empty folder for it. */
  read(bytes: Uint8Array, dir: string): Promise<unknown> | unknown;
}

/** Writes the file under a name, and returns its path. */
function put(dir: string, name: string, bytes: Uint8Array): string {
  const path = `${dir}/${name}`;
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  Deno.writeFileSync(path, bytes);
  return path;
}

/** The image decoder, for one kind of file. */
const imageTarget = (seed: string): Target => ({
  seed,
  read: (bytes, dir) => decodeFile(put(dir, seed, bytes)),
});

/** All readers by name. */
export const TARGETS: Record<string, Target> = {
  safetensors: {
    seed: "model.safetensors",
    read: (bytes) => decodeSafetensors(bytes, "a file"),
  },
  metadata: {
    seed: "model.safetensors",
    read: (bytes, dir) =>
      readSafetensorsMetadata(put(dir, "m.safetensors", bytes)),
  },
  manifest: {
    seed: "checkpoint.json",
    read: (bytes, dir) => {
      put(dir, "checkpoint-00000001.json", bytes);
      return findCheckpoint(dir);
    },
  },
  metrics: {
    seed: "metrics.jsonl",
    read: (bytes, dir) => {
      using log = new MetricsLog(put(dir, "metrics.jsonl", bytes), 2);
      log.write({ step: 2 });
    },
  },
  index: {
    seed: "images.txt",
    read: async (bytes, dir) => {
      const index = put(dir, "images.txt", bytes);
      openByIndex(index, dir);
      await checkFileIndex(index, dir);
    },
  },
  config: {
    seed: "config.json",
    read: (bytes, dir) => readChoices(put(dir, "config.json", bytes)),
  },
  bmp: imageTarget("image.bmp"),
  ppm: imageTarget("image.ppm"),
  gif: imageTarget("image.gif"),
  cifar: {
    seed: "data_batch_1.bin",
    read: async (bytes, dir) => {
      put(dir, "data_batch_1.bin", bytes);
      const set = await openDataset({ name: "cifar10", dir, split: "train" });
      for (let i = 0; i < set.length; i++) await set.image(i);
    },
  },
  matlab: {
    seed: "meta.mat",
    read: (bytes) => readMatlabStructs(bytes, "a file"),
  },
  annotations: {
    seed: "val_annotations.txt",
    read: (bytes, dir) => {
      Deno.mkdirSync(`${dir}/train/n01443537/images`, { recursive: true });
      put(dir, "val/val_annotations.txt", bytes);
      return openDataset({ name: "tinyimagenet", dir, split: "test" });
    },
  },
  tar: {
    seed: "archive.tar",
    read: async (bytes, dir) => {
      const stream = new Blob([bytes as BlobPart]).stream()
        .pipeThrough(new CompressionStream("gzip"));
      const packed = new Uint8Array(await new Response(stream).arrayBuffer());
      await unpack(put(dir, "in/a.tar.gz", packed), `${dir}/out`);
    },
  },
  gzip: {
    seed: "archive.tar.gz",
    read: (bytes, dir) => unpack(put(dir, "in/a.tar.gz", bytes), `${dir}/out`),
  },
  zip: {
    seed: "archive.zip",
    read: (bytes, dir) => unpack(put(dir, "in/a.zip", bytes), `${dir}/out`),
  },
  jpeg: imageTarget("image.jpg"),
};
