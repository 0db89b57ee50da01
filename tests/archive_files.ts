/** Small archives in the official formats, and a server for them. */
import { createHash } from "node:crypto";
import { packTar } from "npm:modern-tar@0.8.6";
import {
  Uint8ArrayReader,
  Uint8ArrayWriter,
  ZipWriter,
} from "npm:@zip.js/zip.js@2.24.0";
import { loadSharp } from "../src/deps/sharp.ts";
import { photo } from "./formula.ts";

/** Files by their names in an archive. */
export type Files = Record<string, Uint8Array>;

/** A gzipped tar archive. */
export function tarGz(files: Files): Promise<Uint8Array> {
  return tarGzOf(Object.entries(files));
}

/**
 * As {@linkcode tarGz}, of names that may occur twice.
 *
 * @param end Bytes of the tar: with fewer it is cut off, and the gzip around it whole.
 */
export async function tarGzOf(
  files: [string, Uint8Array][],
  end?: number,
): Promise<Uint8Array> {
  const whole = await packTar(
    files.map(([name, body]) => ({
      header: { name, size: body.length, type: "file" as const },
      body,
    })),
  );
  const tar = whole.subarray(0, end);
  const stream = new Blob([tar as BlobPart]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A zip archive. */
export async function zip(files: Files): Promise<Uint8Array> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), {
    useWebWorkers: false,
  });
  for (const [name, body] of Object.entries(files)) {
    await writer.add(name, new Uint8ArrayReader(body));
  }
  return await writer.close();
}

/** `count` CIFAR records: `labels` label bytes before each image. */
export function cifarRecords(
  count: number,
  { labels, classes }: { labels: 1 | 2; classes: number },
): Uint8Array {
  const size = labels + 3072;
  const bytes = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const at = i * size;
    bytes[at + labels - 1] = i % classes;
    const { data } = photo(32, 32, i);
    for (let p = 0; p < 3072; p++) {
      bytes[at + labels + p] = data[p % 1024 * 3 + Math.floor(p / 1024)];
    }
  }
  return bytes;
}

/** The archive of CIFAR-10 or CIFAR-100, with few images. */
export function cifarArchive(
  kind: "cifar10" | "cifar100",
): Promise<Uint8Array> {
  if (kind === "cifar10") {
    const options = { labels: 1, classes: 10 } as const;
    return tarGz({
      "cifar-10-batches-bin/data_batch_1.bin": cifarRecords(24, options),
      "cifar-10-batches-bin/test_batch.bin": cifarRecords(10, options),
      "cifar-10-batches-bin/readme.html": new TextEncoder().encode("<p>"),
    });
  }
  const options = { labels: 2, classes: 100 } as const;
  return tarGz({
    "cifar-100-binary/train.bin": cifarRecords(24, options),
    "cifar-100-binary/test.bin": cifarRecords(10, options),
  });
}

/** The archive of Tiny ImageNet, with few classes and images. */
export async function tinyImagenetArchive(): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const jpeg = async (seed: number) => {
    const { width, height, data } = photo(64, 64, seed);
    return new Uint8Array(
      await sharp(data, { raw: { width, height, channels: 3 } }).jpeg()
        .toBuffer(),
    );
  };
  const root = "tiny-imagenet-200", files: Files = {};
  const annotations: string[] = [];
  for (const [c, wnid] of ["n01443537", "n01629819", "n01641577"].entries()) {
    for (let i = 0; i < 6; i++) {
      const path = `${root}/train/${wnid}/images/${wnid}_${i}.JPEG`;
      files[path] = await jpeg(c * 10 + i);
    }
    files[`${root}/train/${wnid}/${wnid}_boxes.txt`] = new Uint8Array(3);
    files[`${root}/val/images/val_${c}.JPEG`] = await jpeg(100 + c);
    annotations.push(`val_${c}.JPEG\t${wnid}\t0\t0\t63\t63`);
  }
  const list = annotations.join("\n") + "\n";
  files[`${root}/val/val_annotations.txt`] = new TextEncoder().encode(list);
  return zip(files);
}

/** The digest that a download is checked against. */
export function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** A server of one file. */
export interface FileServer extends AsyncDisposable {
  /** The file's address. */
  url: string;
  /** The `Range` headers of the requests. */
  ranges: (string | null)[];
}

/**
 * Serves a file on the loopback address.
 *
 * @param options The file's name; how many requests fail half-way (`drops`), or send
 * nothing more from there (`stalls`); whether ranges are served (`resumes`).
 */
export function serveFile(
  bytes: Uint8Array,
  { name, drops = 0, stalls = 0, resumes = true }: {
    name: string;
    drops?: number;
    stalls?: number;
    resumes?: boolean;
  },
): FileServer {
  const ranges: (string | null)[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (
    request,
  ) => {
    const range = request.headers.get("range");
    ranges.push(range);
    const from = resumes
      ? Number(/bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0)
      : 0;
    const rest = bytes.subarray(from);
    const status = from > 0 ? 206 : 200;
    const headers = { "content-length": `${rest.length}` };
    const stall = stalls-- > 0;
    if (!stall && drops-- <= 0) {
      return new Response(rest as BodyInit, { status, headers });
    }
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(rest.slice(0, rest.length >> 1));
        if (stall) return;
        await new Promise((done) => setTimeout(done, 100));
        controller.error(new Error("dropped on purpose"));
      },
    });
    return new Response(body, { status, headers });
  });
  const { port } = server.addr as Deno.NetAddr;
  return {
    url: `http://127.0.0.1:${port}/${name}`,
    ranges,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
