/** The cache of decoded images. */
import "./flags.ts";
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { openDataset } from "../src/data/open_dataset.ts";
import { decodeFile } from "../src/data/decode.ts";
import {
  cachedDecode,
  cacheSize,
  CacheUsage,
  checkCache,
} from "../src/data/decoded_cache.ts";
import type { Image } from "../src/data/image.ts";
import { withFolder, writeImages } from "./images.ts";

const SIDE = 16;

const bytesOf = ({ data }: Image) => new Uint8Array(data);

async function entriesOf(cache: string): Promise<string[]> {
  const found: string[] = [];
  for await (const folder of Deno.readDir(cache)) {
    for await (const { name } of Deno.readDir(`${cache}/${folder.name}`)) {
      found.push(`${cache}/${folder.name}/${name}`);
    }
  }
  return found;
}

/** Waits until the cache has so many entries, and no temporary file. */
async function written(cache: string, count: number): Promise<string[]> {
  for (let tries = 0; tries < 400; tries++) {
    const entries = await entriesOf(cache).catch(() => []);
    const whole = entries.filter((path) => !path.includes("."));
    if (whole.length === count && entries.length === count) return whole;
    await new Promise((done) => setTimeout(done, 5));
  }
  throw new Error("the cache was not written");
}

/** Runs with a folder of images, a cache for it, and a counter of decoded files. */
async function withCache(
  run: (setting: {
    path: string;
    cache: string;
    decode: (path: string) => Promise<Image>;
    decoded: () => number;
  }) => Promise<void>,
): Promise<void> {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 2, side: 40 });
    const cache = `${dir}/cache`;
    let count = 0;
    const decode = cachedDecode((path, options) => {
      count++;
      return decodeFile(path, options);
    }, { dir: cache, side: SIDE });
    const path = `${dir}/train/c0/0.png`;
    await run({ path, cache, decode, decoded: () => count });
  });
}

Deno.test("an image is decoded once, and shrunk", async () => {
  await withCache(async ({ path, cache, decode, decoded }) => {
    const first = await decode(path);
    assertEquals([first.width, first.height], [SIDE, SIDE]);
    await written(cache, 1);
    assertEquals(bytesOf(await decode(path)), bytesOf(first));
    assertEquals(decoded(), 1);
  });
});

Deno.test("a small image is kept as it is", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 1, side: 12 });
    const path = `${dir}/train/c0/0.png`, cache = `${dir}/cache`;
    const decode = cachedDecode(decodeFile, { dir: cache, side: SIDE });
    const whole = await decodeFile(path);
    for (let i = 0; i < 2; i++) {
      assertEquals(bytesOf(await decode(path)), bytesOf(whole));
      await written(cache, 1);
    }
  });
});

Deno.test("a cache is not trusted when its source has changed", async () => {
  await withCache(async ({ path, cache, decode, decoded }) => {
    const first = await decode(path);
    await written(cache, 1);
    await Deno.copyFile(path.replace("0.png", "1.png"), path);
    const second = await decode(path);
    assertEquals(decoded(), 2);
    assertNotEquals(second.data, first.data);
    await written(cache, 1);
    await Deno.utime(path, 1, 1);
    await decode(path);
    assertEquals(decoded(), 3);
    await written(cache, 1);
    // Same size and, by utime(), same modification time: only the ctime differs.
    const bytes = await Deno.readFile(path);
    // Deno gives the ctime in seconds.
    await new Promise((done) => setTimeout(done, 1100));
    await Deno.writeFile(path, bytes);
    await Deno.utime(path, 1, 1);
    await decode(path);
    assertEquals(decoded(), 4);
    await written(cache, 1);
  });
});

Deno.test("a damaged or deleted entry is made anew", async () => {
  await withCache(async ({ path, cache, decode, decoded }) => {
    const first = await decode(path);
    const [entry] = await written(cache, 1);
    const bytes = await Deno.readFile(entry);
    for (const length of [0, 10, 40, bytes.length - 1]) {
      await Deno.writeFile(entry, bytes.subarray(0, length));
      const before = decoded();
      assertEquals((await decode(path)).data.length, first.data.length);
      assertEquals(decoded(), before + 1);
      while ((await Deno.stat(entry)).size !== bytes.length) {
        await new Promise((done) => setTimeout(done, 5));
      }
    }
    await Deno.remove(cache, { recursive: true });
    assertEquals((await decode(path)).data.length, first.data.length);
    await written(cache, 1);
  });
});

Deno.test("a cache that cannot be written serves all the same", async () => {
  await withCache(async ({ path, cache, decode, decoded }) => {
    await Deno.writeTextFile(cache, "a file where the folder would be");
    for (let i = 0; i < 2; i++) assertEquals((await decode(path)).width, SIDE);
    assertEquals(decoded(), 2);
  });
});

Deno.test("a data set decodes through its cache", async () => {
  await withCache(async ({ path, cache }) => {
    const dir = path.slice(0, path.indexOf("/train/"));
    const data = await openDataset({
      name: "folder",
      dir,
      split: "train",
      cache: { dir: cache, side: SIDE },
      limit: 1,
    });
    assertEquals((await data.image(0)).width, SIDE);
    assert((await written(cache, 1)).length === 1);
  });
});

Deno.test("a cache that cannot be used is refused before any work", async () => {
  await withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "");
    for (const bad of [`${dir}/file`, "/proc/none"]) {
      assertThrows(
        () => checkCache(bad),
        Error,
        "name another folder with --cache, or leave it out",
      );
    }
    checkCache(`${dir}/new`);
    assertEquals([...Deno.readDirSync(`${dir}/new`)], []);
  });
});

Deno.test("a cache stops at its limit, for all threads, and says so once", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 4 });
    const usage = new CacheUsage();
    const options = {
      dir: `${dir}/cache`,
      side: 32,
      usage: usage.buffer,
      // Three images of 32 × 32 pixels with their headers.
      limit: 3 * (32 * 32 * 3 + 40),
    };
    const threads = [0, 1].map(() => cachedDecode(decodeFile, options));
    for (let i = 0; i < 4; i++) {
      const { width } = await threads[i % 2](`${dir}/train/c0/${i}.png`);
      assertEquals([width, usage.stopped], [32, i === 3]);
    }
    assertEquals(await cacheSize(options.dir), options.limit);
    assertEquals(
      [usage.takeReason(), usage.takeReason()],
      ["it has reached its size limit", undefined],
    );
  });
});

Deno.test("an image that was replaced counts once against the limit", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 2 });
    const usage = new CacheUsage();
    const options = {
      dir: `${dir}/cache`,
      side: 32,
      usage: usage.buffer,
      limit: 2 * (32 * 32 * 3 + 40),
    };
    const decode = cachedDecode(decodeFile, options);
    const path = (i: number) => `${dir}/train/c0/${i}.png`;
    for (let i = 0; i < 3; i++) {
      await decode(path(0));
      await Deno.utime(path(0), i + 1, i + 1);
    }
    await decode(path(1));
    assertEquals(usage.stopped, false);
    assertEquals(await cacheSize(options.dir), options.limit);
  });
});

Deno.test("a cache that can no longer be written to says so once", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 1 });
    await Deno.writeTextFile(`${dir}/file`, "");
    const usage = new CacheUsage();
    const decode = cachedDecode(decodeFile, {
      dir: `${dir}/file`,
      side: 32,
      usage: usage.buffer,
    });
    assertEquals((await decode(`${dir}/train/c0/0.png`)).width, 32);
    assertEquals(usage.takeReason(), "writing to it failed");
  });
});
