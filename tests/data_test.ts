import "./flags.ts";
import { crc32 } from "node:zlib";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { openDataset, openForThreads } from "../src/data/open_dataset.ts";
import type { Dataset } from "../src/data/dataset.ts";
import { ImageFiles } from "../src/data/image_files.ts";
import { prepareDataset } from "../src/data/prepare.ts";
import { decodeBytes, decodeFile } from "../src/data/decode.ts";
import { loadSharp } from "../src/deps/sharp.ts";
import { photo } from "./formula.ts";
import { withFolder, writeImages } from "./images.ts";

const RECORD = 3073;

/** A record file of CIFAR-10: record i has label i mod 10. */
function records(count: number): Uint8Array {
  const bytes = new Uint8Array(count * RECORD);
  for (let i = 0; i < count; i++) {
    bytes[i * RECORD] = i % 10;
    bytes.fill(i + 1, i * RECORD + 1, i * RECORD + 1025);
    bytes.fill(i + 50, i * RECORD + 1025, i * RECORD + 2049);
    bytes.fill(i + 100, i * RECORD + 2049, (i + 1) * RECORD);
  }
  return bytes;
}

Deno.test("cifar10 reads planar records over several files", async () => {
  await withFolder(async (dir) => {
    await Deno.writeFile(`${dir}/data_batch_1.bin`, records(3));
    await Deno.writeFile(`${dir}/data_batch_2.bin`, records(2));
    const set = await openDataset({ name: "cifar10", dir, split: "train" });
    assertEquals([set.length, set.label(4), set.classes.length], [5, 1, 10]);
    const { width, height, data } = await set.image(4);
    assertEquals([width, height, ...data.subarray(0, 6)], [
      32,
      32,
      ...[2, 51, 101],
      ...[2, 51, 101],
    ]);
  });
});

Deno.test("cifar100 takes the fine label or the coarse one, in the archive's own folder", async () => {
  await withFolder(async (dir) => {
    await Deno.mkdir(`${dir}/cifar-100-binary`);
    const bytes = new Uint8Array(3074);
    bytes[0] = 7;
    bytes[1] = 93;
    await Deno.writeFile(`${dir}/cifar-100-binary/test.bin`, bytes);
    const set = await openDataset({ name: "cifar100", dir, split: "test" });
    assertEquals([set.length, set.label(0)], [1, 93]);
    const name = "cifar100-coarse";
    const coarse = await openDataset({ name, dir, split: "test" });
    assertEquals([coarse.label(0), coarse.classes.length], [7, 20]);
    bytes[0] = 20;
    await Deno.writeFile(`${dir}/cifar-100-binary/test.bin`, bytes);
    await assertRejects(
      () => openDataset({ name, dir, split: "test" }),
      Error,
      "the label at byte 0 is 20",
    );
  });
});

Deno.test("cifar10 refuses what is missing or malformed, with the offset", async () => {
  await withFolder(async (dir) => {
    const open = () => openDataset({ name: "cifar10", dir, split: "train" });
    await assertRejects(open, Error, "no train file in binary form");
    // The folder that torchvision unpacks.
    const pickles = `${dir}/cifar-10-batches-py`;
    await Deno.mkdir(pickles);
    await Deno.writeTextFile(`${pickles}/test_batch`, "a pickle");
    await assertRejects(open, Error, "the Python version of the archive");
    await Deno.writeTextFile(`${dir}/data_batch_1`, "a pickle");
    await assertRejects(open, Error, "the Python version of the archive");
    const path = `${dir}/data_batch_1.bin`;
    await Deno.writeFile(path, records(3).subarray(0, 2 * RECORD + 9));
    await assertRejects(open, Error, "the last one starts at byte 6146");
    const bytes = records(3);
    bytes[RECORD] = 44;
    await Deno.writeFile(path, bytes);
    await assertRejects(open, Error, "the label at byte 3073 is 44");
    await Deno.writeFile(path, new Uint8Array());
    await assertRejects(open, Error, "its 0 bytes");
    await Deno.writeFile(`${dir}/data_batch_3.bin`, records(3));
    await assertRejects(open, Error, "data_batch_2.bin is missing");
  });
});

Deno.test("shapes is the same each time, with all classes in both splits", async () => {
  const set = await openDataset({ name: "shapes", split: "test" });
  const again = await openDataset({ name: "shapes", split: "test" });
  assertEquals(await set.image(7), await again.image(7));
  const labels = Array.from({ length: set.length }, (_, i) => set.label(i));
  assertEquals(new Set(labels).size, set.classes.length);
  const train = await openDataset({ name: "shapes", split: "train" });
  assert(
    (await train.image(7)).data.join() !== (await set.image(7)).data.join(),
  );
});

Deno.test("limit chooses so many images, the same each time", async () => {
  const open = () => openDataset({ name: "shapes", split: "train", limit: 50 });
  const set = await open();
  assertEquals(set.length, 50);
  const names = Array.from({ length: 50 }, (_, i) => set.describe(i));
  assertEquals(new Set(names).size, 50);
  assertEquals((await open()).describe(9), set.describe(9));
});

Deno.test("folder has the classes of train and takes val for test", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 3, each: 2 });
    await writeImages(dir, { classes: 3, each: 1, split: "val" });
    await Deno.writeTextFile(`${dir}/train/c0/notes.txt`, "not an image");
    await Deno.writeTextFile(`${dir}/train/c0/.hidden.png`, "hidden");
    // Thumbnails of a Synology server.
    await Deno.mkdir(`${dir}/train/@eaDir`);
    const train = await openDataset({ name: "folder", dir, split: "train" });
    assertEquals([train.length, train.label(5)], [6, 2]);
    assertEquals([...train.classes], ["c0", "c1", "c2"]);
    const test = await openDataset({ name: "folder", dir, split: "test" });
    assertEquals(test.length, 3);
  });
});

Deno.test("folder refuses what is not there", async () => {
  await withFolder(async (dir) => {
    const open = (dir: string) =>
      openDataset({ name: "folder", dir, split: "train" });
    await assertRejects(() => open(`${dir}/no`), Error, "no such folder");
    await assertRejects(() => open(dir), Error, "no image in it");
    await Deno.mkdir(`${dir}/train/a`, { recursive: true });
    await assertRejects(() => open(dir), Error, "no image file");
  });
  await assertRejects(
    () => openDataset({ name: "cifar11", split: "train" }),
    Error,
    "choose one of",
  );
  await assertRejects(
    () => openDataset({ name: "folder", split: "train" }),
    Error,
    "name the folder with --data-dir",
  );
});

Deno.test("decodeFile() reads every kind of file to upright RGB", async () => {
  const sharp = await loadSharp();
  await withFolder(async (dir) => {
    const { width, height, data } = photo(24, 16, 3);
    const raw = { raw: { width, height, channels: 3 as const } };
    const files: Record<string, Uint8Array> = {
      "a.png": await sharp(data, raw).png().toBuffer(),
      "a.jpg": await sharp(data, raw).jpeg({ quality: 95 }).toBuffer(),
      "a.webp": await sharp(data, raw).webp({ lossless: true }).toBuffer(),
      "grey.png": await sharp(data, raw).toColourspace("b-w").png().toBuffer(),
      "alpha.png": await sharp(data, raw).ensureAlpha(0.5).png().toBuffer(),
      "cmyk.jpg": await sharp(data, raw).toColourspace("cmyk").jpeg()
        .toBuffer(),
      "turned.jpg": await sharp(data, raw).withMetadata({ orientation: 6 })
        .jpeg().toBuffer(),
    };
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(`${dir}/${name}`, bytes);
      const image = await decodeFile(`${dir}/${name}`);
      const wanted = name === "turned.jpg" ? [16, 24] : [24, 16];
      assertEquals([image.width, image.height], wanted, name);
      assertEquals(image.data.length, 24 * 16 * 3, name);
    }
    assertEquals([...(await decodeFile(`${dir}/a.png`)).data], [...data]);
    const grey = (await decodeFile(`${dir}/grey.png`)).data;
    assert(grey[0] === grey[1] && grey[1] === grey[2]);
  });
});

Deno.test("decodeFile() names a file that is no whole image", async () => {
  const sharp = await loadSharp();
  await withFolder(async (dir) => {
    const { width, height, data } = photo(64, 64, 3);
    const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
      .jpeg().toBuffer();
    const bad: Record<string, Uint8Array> = {
      "cut.jpg": jpeg.subarray(0, jpeg.length / 2),
      "text.jpg": new TextEncoder().encode("hello"),
      "empty.png": new Uint8Array(),
    };
    for (const [name, bytes] of Object.entries(bad)) {
      await Deno.writeFile(`${dir}/${name}`, bytes);
      await assertRejects(
        () => decodeFile(`${dir}/${name}`),
        Error,
        `Cannot decode ${dir}/${name}`,
      );
    }
    await assertRejects(
      () => decodeFile(`${dir}/none.png`),
      Error,
      "Cannot read",
    );
  });
});

const isRoot = Deno.uid() === 0;
Deno.test({
  name: `decodeFile() names a file that may not be read${
    isRoot ? " (skipped: root may read any file)" : ""
  }`,
  ignore: isRoot,
  async fn() {
    await withFolder(async (dir) => {
      const path = `${dir}/locked.jpg`;
      await Deno.writeFile(path, Uint8Array.of(1), { mode: 0o000 });
      await assertRejects(() => decodeFile(path), Error, `Cannot read ${path}`);
    });
  },
});

/** A copy of a PNG whose header claims another size. */
function claiming(png: Uint8Array, width: number, height: number) {
  const bytes = png.slice();
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  view.setUint32(29, crc32(bytes.subarray(12, 29)));
  return bytes;
}

Deno.test("decodeFile() refuses the BMPs that it cannot read", async () => {
  const bmp = (
    width: number,
    height: number,
    compression: number,
    bits = 24,
  ) => {
    const bytes = new Uint8Array(100), view = new DataView(bytes.buffer);
    bytes.set([0x42, 0x4d]);
    for (
      const [at, value] of [
        ...[[10, 54], [14, 40], [18, width], [22, height], [30, compression]],
      ] as const
    ) view.setUint32(at!, value!, true);
    view.setUint16(28, bits, true);
    return bytes;
  };
  const cases: [Uint8Array, string][] = [
    [bmp(4, 4, 1), "run-length encoded BMP"],
    [bmp(4, 4, 0, 16), "a BMP of 16 bits a pixel"],
    [bmp(1 << 20, 1 << 20, 0), "it has 1048576 × 1048576 pixels"],
    [bmp(4, 4, 0).subarray(0, 30), "no complete BMP header"],
  ];
  for (const [bytes, why] of cases) {
    await assertRejects(() => decodeBytes(bytes, "a.bmp"), Error, why);
  }
});

Deno.test("decodeFile() refuses a decompression bomb by its header", async () => {
  const sharp = await loadSharp();
  await withFolder(async (dir) => {
    const { width, height, data } = photo(8, 8, 3);
    const png = await sharp(data, { raw: { width, height, channels: 3 } })
      .png().toBuffer();
    const path = `${dir}/bomb.png`;
    await Deno.writeFile(path, claiming(png, 30_000, 30_000));
    await assertRejects(() => decodeFile(path), Error, "pixel limit");
  });
});

Deno.test("folder finds splits by any case, and refuses what is ambiguous", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 2, each: 2, split: "Training" });
    await writeImages(dir, { classes: 2, each: 1, split: "Testing" });
    const open = (split: "train" | "test", at = dir) =>
      openDataset({ name: "folder", dir: at, split });
    const train = await open("train");
    assertEquals([train.length, train.classes.join()], [4, "c0,c1"]);
    assertEquals((await open("test")).length, 2);
    await writeImages(dir, { classes: 2, each: 1, split: "train" });
    await assertRejects(
      () => open("train"),
      Error,
      "both train/ and Training/ are in it",
    );
  });
});

Deno.test("folder never trains on test images without a word", async () => {
  await withFolder(async (dir) => {
    await writeImages(`${dir}/set`, { classes: 2, each: 2 });
    await writeImages(`${dir}/set`, { classes: 2, each: 1, split: "test" });
    await writeImages(`${dir}/only`, { classes: 2, each: 1, split: "val" });
    const open = (at: string) =>
      openDataset({ name: "folder", dir: at, split: "train" });
    await assertRejects(
      () => open(dir),
      Error,
      `set/train/ lies one level down, give --data-dir ${dir}/set`,
    );
    await assertRejects(
      () => open(`${dir}/only`),
      Error,
      "it has val/ and no train/",
    );
    // Such as a link in a class's place.
    await Deno.symlink(`${dir}/set`, `${dir}/set/train/link`);
    const { classes } = await open(`${dir}/set`);
    assertEquals(classes.includes("link"), false);
  });
});

Deno.test("folder reads JPEG by all its endings, and refuses images beside the classes", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 2, each: 2 });
    const open = () => openDataset({ name: "folder", dir, split: "train" });
    const { classes: [first] } = await open();
    const [{ name }] = [...Deno.readDirSync(`${dir}/train/${first}`)];
    const image = `${dir}/train/${first}/${name}`;
    for (const ending of ["jfif", "jpe"]) {
      await Deno.copyFile(image, `${dir}/train/${first}/x.${ending}`);
    }
    assertEquals((await open()).length, 6);
    const loose = (i: number) => Deno.copyFile(image, `${dir}/train/${i}.png`);
    for (let i = 0; i < 6; i++) await loose(i);
    // As torchvision's ImageFolder, which leaves them out.
    assertEquals((await open()).length, 6);
    await loose(6);
    const { message } = await assertRejects(open, Error);
    assertStringIncludes(message, "7 images, such as");
    assertStringIncludes(message, "which have only 6");
  });
});

Deno.test("more classes than 65,536 keep their labels", () => {
  const label = 65_999;
  const set = new ImageFiles("folder", [], [
    { path: "a.png", label: 0 },
    { path: "b.png", label },
  ]);
  assertEquals([set.label(0), set.label(1)], [0, label]);
});

Deno.test("a name that is not UTF-8 is told as one", async () => {
  await withFolder(async (dir) => {
    // Deno cannot write a file with such a name.
    const { success } = await new Deno.Command("sh", {
      args: ["-c", "touch \"$0/$(printf 'caf\\351.jpg')\"", dir],
    }).output();
    assert(success);
    await assertRejects(
      () => openDataset({ name: "images", dir, split: "train" }),
      Error,
      "is not UTF-8, rename it",
    );
  });
});

Deno.test("threads open what the first has found, whatever comes or goes", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 2, each: 3 });
    const opened = await openForThreads({
      name: "folder",
      dir,
      split: "train",
      limit: 4,
    });
    const names = (set: Dataset) =>
      Array.from({ length: set.length }, (_, i) => [
        set.describe(i),
        set.label(i),
      ]);
    const before = names(opened.dataset);
    await Deno.rename(`${dir}/train/c0/1.png`, `${dir}/train/c0/0-new.png`);
    await Deno.copyFile(`${dir}/train/c0/2.png`, `${dir}/train/c0/00.png`);
    const { source } = structuredClone(
      { source: opened.source },
    );
    assertEquals(names(await openDataset(source)), before);
  });
});

Deno.test("threads share the records of CIFAR", async () => {
  await withFolder(async (dir) => {
    await Deno.writeFile(`${dir}/data_batch_1.bin`, records(3));
    const opened = await openForThreads({
      name: "cifar10",
      dir,
      split: "train",
    });
    await Deno.remove(`${dir}/data_batch_1.bin`);
    const again = await openDataset(opened.source);
    assertEquals([again.length, again.label(2)], [3, opened.dataset.label(2)]);
    assertEquals(await again.image(1), await opened.dataset.image(1));
    const { shared } = opened.source;
    const file = shared?.kind === "records" ? shared.files[0] : undefined;
    assert(file?.bytes.buffer instanceof SharedArrayBuffer);
  });
});

Deno.test("images in formats that are not read are named, with their number", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 2, each: 1 });
    const prepare = async () => {
      const warnings: string[] = [];
      await prepareDataset({ name: "folder", dir, download: false }, {
        onEvent: (event) => {
          if (event.type === "warning") warnings.push(event.message);
        },
      });
      return warnings;
    };
    assertEquals(await prepare(), []);
    await Deno.writeTextFile(`${dir}/train/c0/a.HEIC`, "");
    await Deno.writeTextFile(`${dir}/train/c0/notes.txt`, "");
    await Deno.writeTextFile(`${dir}/train/c1/b.dng`, "");
    const [warning, ...more] = await prepare();
    assertEquals(more, []);
    assertStringIncludes(warning!, `${dir}/train/c0/a.HEIC and 1 more`);
  });
});

Deno.test("a file without a byte is said to be empty", async () => {
  await assertRejects(
    () => decodeBytes(new Uint8Array(), "a.jpg"),
    Error,
    "Cannot decode a.jpg: it is empty",
  );
});

Deno.test("a class without an image that is read is refused, with what it has", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 2, each: 1 });
    await Deno.mkdir(`${dir}/train/c2`);
    await Deno.writeTextFile(`${dir}/train/c2/a.HEIC`, "");
    await assertRejects(
      () => openDataset({ name: "folder", dir, split: "train" }),
      Error,
      "1 of its 3 classes have no image in a readable format, such as c2/ (only .heic)",
    );
  });
});
