/** Properties that hold for every input, including hostile ones. */
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { openByIndex, writeFileIndex } from "../src/data/file_index.ts";
import { ImageFiles } from "../src/data/image_files.ts";
import { isEmpSslError } from "../src/common/errors.ts";
import { architecture } from "../src/model/architectures.ts";
import { chooseMicroBatch, stepBytes } from "../src/engine/micro_batch.ts";
import { permute } from "../src/common/random.ts";
import { batchesPerEpoch, isBeyondEnd, placeOf } from "../src/stream/order.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  safetensorsHeader,
} from "../src/checkpoint/safetensors.ts";
import { effectiveRank } from "../src/train/spectrum.ts";
import { withFolder } from "./images.ts";

// A fixed seed gives the same inputs in every run, so that failures are reproducible;
// another seed gives other inputs.
fc.configureGlobal({ seed: Number(Deno.env.get("EMP_SSL_TEST_SEED") ?? 0) });

const tensor = fc.record({
  name: fc.string({ minLength: 1, unit: "grapheme" })
    .filter((name) => name !== "__metadata__"),
  shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
}).map(({ name, shape }) => ({
  name,
  shape,
  values: Float32Array.from(
    { length: shape.reduce((a, b) => a * b, 1) },
    (_, i) => i - 1.5,
  ),
}));

Deno.test("safetensors: what is encoded is decoded", () => {
  const tensors = fc.uniqueArray(tensor, { selector: (t) => t.name });
  const texts = fc.dictionary(fc.string(), fc.string());
  fc.assert(fc.property(tensors, texts, (wanted, metadata) => {
    // `__proto__` is not an ordinary property of JavaScript objects.
    fc.pre(wanted.every(({ name }) => name !== "__proto__"));
    fc.pre(!Object.keys(metadata).includes("__proto__"));
    const file = decodeSafetensors(
      encodeSafetensors(wanted, metadata),
      "a file",
    );
    assertEquals({ ...file.metadata }, { ...metadata });
    // Compared by name: JavaScript objects put names like "0" first.
    assertEquals(
      new Map(
        [...file.tensors].map(([name, { shape, values }]) => [
          name,
          { shape, values },
        ]),
      ),
      new Map(wanted.map(({ name, shape, values }) => [
        name,
        { shape, values },
      ])),
    );
  }));
});

/** Calls a reader; an error must be an EmpSslError, a value must pass the check. */
function refusesOr<T>(read: () => T, check: (value: T) => void): void {
  let value: T;
  try {
    value = read();
  } catch (error) {
    assert(isEmpSslError(error), `${error}`);
    return;
  }
  check(value);
}

Deno.test("safetensors: no header makes a tensor of bytes that are not there", () => {
  const entry = fc.record({
    dtype: fc.constantFrom("F32", "F16", "I64", "", 4),
    shape: fc.oneof(
      fc.array(fc.oneof(fc.nat(9), fc.integer(), fc.double()), {
        maxLength: 3,
      }),
      fc.anything(),
    ),
    data_offsets: fc.oneof(
      fc.tuple(fc.nat(80), fc.nat(80)),
      fc.tuple(fc.maxSafeNat(), fc.maxSafeNat()),
      fc.anything(),
    ),
  });
  const header = fc.dictionary(fc.string(), fc.oneof(entry, fc.anything()));
  fc.assert(
    fc.property(header, fc.nat(64), fc.bigInt({ min: -9n, max: 9n }), (
      header,
      tail,
      off,
    ) => {
      let text: string;
      try {
        text = JSON.stringify(header);
      } catch {
        return;
      }
      const head = new TextEncoder().encode(text);
      const file = new Uint8Array(8 + head.length + tail);
      const length = BigInt.asUintN(64, BigInt(head.length) + off);
      new DataView(file.buffer).setBigUint64(0, length, true);
      file.set(head, 8);
      refusesOr(() => decodeSafetensors(file, "a file"), ({ tensors }) => {
        for (const { shape, values } of tensors.values()) {
          assertEquals(values.length, shape.reduce((a, b) => a * b, 1));
          assert(values.byteLength <= tail + 9);
        }
      });
    }),
    { numRuns: 2000 },
  );
});

Deno.test("safetensors: any one byte may be another", () => {
  const good = encodeSafetensors([
    { name: "a", shape: [2, 2], values: new Float32Array(4) },
    { name: "b", shape: [3], values: new Float32Array(3) },
  ], { format: "pt" });
  fc.assert(
    fc.property(
      fc.nat(good.length - 1),
      fc.nat(255),
      fc.nat(good.length),
      (at, byte, cut) => {
        const file = good.slice();
        file[at] = byte;
        for (const bytes of [file, file.subarray(0, cut)]) {
          refusesOr(() => decodeSafetensors(bytes, "a file"), () => {});
        }
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("safetensors: a header aligns its tensors to eight bytes", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (name) => {
    const head = safetensorsHeader([{ name, shape: [1], dtype: "F32" }]);
    assertEquals(head.length % 8, 0);
  }));
});

Deno.test("an index keeps any path", async () => {
  await withFolder(async (dir) => {
    const path = `${dir}/images.txt`;
    const files = fc.array(
      fc.record({
        path: fc.string({ unit: "grapheme", minLength: 1 })
          .map((name) => `${dir}/${name}`),
        label: fc.nat(1),
      }),
      { minLength: 1 },
    );
    await fc.assert(fc.asyncProperty(files, async (wanted) => {
      const set = new ImageFiles("folder", ["a", "b"], wanted);
      await writeFileIndex(path, set, dir);
      const again = openByIndex(path, dir);
      assertEquals(
        wanted.map((_, i) => ({
          path: again.describe(i),
          label: again.label(i),
        })),
        wanted,
      );
    }));
    await Promise.resolve();
  });
});

Deno.test("an epoch shows each image once, in whole batches", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 300 }),
      fc.integer({ min: 1, max: 40 }),
      fc.nat(0xffffffff),
      fc.nat(3),
      (count, wide, seed, epoch) => {
        const images = Math.min(count, wide);
        const order = { images, count, seed, shuffle: true };
        const batches = batchesPerEpoch(order);
        assertEquals(batches, Math.floor(count / images));
        const seen = new Set<number>();
        for (let batch = 0; batch < batches; batch++) {
          for (let position = 0; position < images; position++) {
            const at = epoch * batches + batch;
            assert(!isBeyondEnd(at, position, order));
            const place = placeOf(at, position, order);
            assertEquals(place.epoch, epoch);
            assert(place.image < count && !seen.has(place.image));
            seen.add(place.image);
          }
        }
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("an epoch of images in blocks has each once, in the blocks' order", () => {
  const blocks = { sizes: new Uint32Array(20).fill(5), buffer: 10 };
  const order = { count: 100, images: 10, shuffle: true, seed: 3, blocks };
  const epoch = (number: number) =>
    Array.from({ length: 100 }, (_, i) => {
      const batch = number * 10 + Math.floor(i / 10);
      return placeOf(batch, i % 10, order).image;
    });
  const [first, second] = [epoch(0), epoch(1)];
  for (const images of [first, second]) {
    assertEquals(new Set(images).size, 100);
    // A buffer of ten images holds two blocks at a time.
    for (let i = 0; i < 100; i += 10) {
      const found = images.slice(i, i + 10).map((image) =>
        Math.floor(image / 5)
      );
      assert(new Set(found).size <= 3, `${found}`);
    }
  }
  assert(first.some((image, i) => image !== second![i]));
});

Deno.test("permute() is a bijection of any range", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 }),
      fc.nat(0xffffffff),
      fc.nat(1000),
      (count, seed, epoch) => {
        const all = Array.from(
          { length: count },
          (_, i) => permute(i, { count, seed, epoch }),
        );
        assertEquals(
          all.toSorted((a, b) => a - b),
          all.map((_, i) => i),
        );
      },
    ),
  );
});

Deno.test("a micro-batch divides the patches and fits", () => {
  const model = {
    depth: 18 as const,
    stem: "cifar",
    width: 64,
    channels: 3,
    hidden: 4096,
    embedding: 1024,
  } as const;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 200 }),
      fc.double({ min: 1e9, max: 1e11, noNaN: true }),
      (patches, images, free) => {
        const options = { model, images, patches, patchSize: 32 };
        const chosen = chooseMicroBatch(options, free);
        const rows = (chosen ?? patches) * images;
        assertEquals(patches % (chosen ?? 1), 0);
        assert(chosen === 1 || stepBytes(options, rows) <= free);
      },
    ),
  );
});

Deno.test("no map of a micro-batch has 2³¹ numbers, however much memory there is", () => {
  const { model } = architecture("resnet18-cifar");
  const options = { model, images: 256, patches: 128, patchSize: 32 };
  assertEquals(chooseMicroBatch(options, 1e12), 64);
  // The largest map is that of the stem, with the zeros that layer 2 puts around it:
  // 256 × 113 × 34² × 64 numbers are the most.
  assertEquals(chooseMicroBatch({ ...options, patches: 113 }, 1e12), undefined);
  assertEquals(chooseMicroBatch({ ...options, patches: 114 }, 1e12), 57);
});

Deno.test("the effective rank counts directions", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 5 }),
      (directions, each) => {
        // `each` images in each of some orthogonal directions.
        const b = directions * each;
        const gram = Float32Array.from(
          { length: b * b },
          (_, i) =>
            Math.floor(Math.floor(i / b) / each) ===
                Math.floor(i % b / each)
              ? 1
              : 0,
        );
        assert(Math.abs(effectiveRank(gram) - directions) < 1e-3);
      },
    ),
  );
});
