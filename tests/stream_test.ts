/** The patch stream with real workers. */
import {
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { pathToFileURL } from "node:url";
import { loadSharp } from "../src/deps/sharp.ts";
import { EmpSslError } from "../src/common/errors.ts";
import type { PatchJob } from "../src/stream/patch_job.ts";
import { PatchStream } from "../src/stream/patch_stream.ts";
import { withFolder, writeImages } from "./images.ts";
import { runTask } from "./tasks.ts";

const JOB: PatchJob = {
  source: { name: "shapes", split: "train" },
  recipe: "cifar",
  patchSize: 16,
  images: 8,
  patches: 3,
  shuffle: true,
  seed: 5,
  firstBatch: 0,
  endBatch: 6,
};

async function digests(job: PatchJob, workers: number): Promise<string[]> {
  await using stream = await PatchStream.open(job, { workers });
  const found: string[] = [];
  for await (const batch of stream) {
    const copy = batch.slice();
    const hash = await crypto.subtle.digest("SHA-256", copy);
    found.push(new Uint8Array(hash).toHex());
  }
  return found;
}

Deno.test("the number of workers changes no byte", async () => {
  const one = await digests(JOB, 1);
  assertEquals(new Set(one).size, 6);
  assertEquals(await digests(JOB, 3), one);
});

Deno.test("a stream that starts in the middle gives the same batches", async () => {
  const whole = await digests(JOB, 2);
  assertEquals(await digests({ ...JOB, firstBatch: 4 }, 2), whole.slice(4));
});

Deno.test("another seed gives other patches", async () => {
  const [first] = await digests({ ...JOB, endBatch: 1 }, 1);
  const [other] = await digests({ ...JOB, endBatch: 1, seed: 6 }, 1);
  assertNotEquals(first, other);
});

Deno.test("an AbortSignal ends the stream", async () => {
  const controller = new AbortController();
  await using stream = await PatchStream.open(JOB, {
    workers: 1,
    signal: controller.signal,
  });
  controller.abort();
  await assertRejects(
    async () => {
      for await (const _ of stream);
    },
    DOMException,
    "aborted",
  );
  // With the caller's reason, and without workers that keep the program alive.
  const own = new AbortController();
  await using other = await PatchStream.open(JOB, {
    workers: 1,
    signal: own.signal,
  });
  own.abort(new Error("enough"));
  const next = other[Symbol.asyncIterator]().next();
  await assertRejects(() => next, Error, "enough");
});

Deno.test("an error of onSkipped ends the stream as it is", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 3 });
    await Deno.writeTextFile(`${dir}/train/c0/1.png`, "no image");
    await using stream = await PatchStream.open({
      ...JOB,
      source: { name: "images", dir, split: "train" },
      images: 3,
      endBatch: 1,
    }, {
      workers: 1,
      onSkipped() {
        throw new Error("the user's");
      },
    });
    const error = await assertRejects(async () => {
      for await (const _ of stream);
    }, Error);
    assertEquals(error.message, "the user's");
  });
});

Deno.test("an image that fails twice is named, counted and replaced", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 2, each: 8 });
    const broken = `${dir}/train/c1/3.png`;
    await Deno.writeTextFile(broken, "this is no image");
    const skipped: string[] = [];
    const job = {
      ...JOB,
      source: { name: "folder", dir, split: "train" as const },
    };
    await using stream = await PatchStream.open({ ...job, endBatch: 2 }, {
      workers: 2,
      onSkipped: (image) => skipped.push(image),
    });
    let batches = 0;
    for await (const _ of stream) batches++;
    assertEquals([batches, skipped, stream.skipped], [2, [broken], 1]);
    await using strict = await PatchStream.open(job, {
      workers: 1,
      strict: true,
    });
    await assertRejects(
      async () => {
        for await (const _ of strict);
      },
      Error,
      "Cannot continue without",
    );
  });
});

Deno.test("damaged images side by side are few of many; over 1 % are too many", async () => {
  await withFolder(async (dir) => {
    // 600 symbolic links to four images; six links are broken.
    await writeImages(dir, { classes: 1, each: 4 });
    const all = `${dir}/all`;
    await Deno.mkdir(all);
    const link = (i: number, to: string) =>
      Deno.symlink(to, `${all}/${String(i).padStart(3, "0")}.png`);
    for (let i = 0; i < 600; i++) {
      const gone = i >= 300 && i < 306;
      await link(i, gone ? `${dir}/none.png` : `${dir}/train/c0/${i % 4}.png`);
    }
    const skipped: string[] = [];
    const job: PatchJob = {
      ...JOB,
      source: { name: "images", dir: all, split: "train" },
      images: 100,
      patches: 1,
      patchSize: 8,
      endBatch: 12,
    };
    const take = async (failureLimit?: number) => {
      skipped.length = 0;
      const onSkipped = (image: string) => skipped.push(image);
      await using stream = await PatchStream.open(job, {
        ...{ workers: 2, onSkipped, failureLimit },
      });
      for await (const _ of stream);
      assertEquals(stream.skipped, skipped.length);
    };
    // Over two epochs each is reported once.
    await take();
    const names = [0, 1, 2, 3, 4, 5].map((i) => `${all}/30${i}.png`);
    assertEquals(skipped.sort(), names);
    await Deno.remove(`${all}/306.png`);
    await link(306, `${dir}/none.png`);
    const message = "7 images failed, more than 1 % of 600";
    await assertRejects(() => take(), Error, message);
    // A small sample may have more, as that of the online probe.
    await take(0.02);
  });
});

const pause = () => new Promise((done) => setTimeout(done, 5));

/** Runs with access to the workers that are started. */
async function withWorkers(
  run: (started: Worker[]) => Promise<void>,
  onStart: (worker: Worker, index: number) => void = () => {},
): Promise<void> {
  const { Worker } = globalThis, started: Worker[] = [];
  globalThis.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      onStart(this, started.push(this) - 1);
    }
  };
  try {
    await run(started);
  } finally {
    globalThis.Worker = Worker;
  }
}

/** Ends a worker's thread: Comlink cannot read this message. */
const kill = (worker: Worker) => worker.postMessage({ argumentList: 1 });

/**
 * The digests of a job's batches while one or both of its two workers are killed.
 *
 * @param deaths How many of the workers that replace them die before they are open.
 */
async function digestsWithDeaths(
  job: typeof JOB,
  slots: number[],
  deaths = 0,
): Promise<string[]> {
  const found: string[] = [];
  await withWorkers(async (started) => {
    await using stream = await PatchStream.open(job, { workers: 2 });
    for await (const batch of stream) {
      const hash = await crypto.subtle.digest("SHA-256", batch.slice());
      found.push(new Uint8Array(hash).toHex());
      if (found.length === 12) slots.forEach((slot) => kill(started[slot]));
      // Workers that wait for a free slot meanwhile process their messages.
      await pause();
    }
    assertEquals(started.length, 2 + slots.length + deaths);
    assertEquals(stream.skipped, 0);
  }, (worker, i) => i >= 2 && i < 2 + deaths && kill(worker));
  return found;
}

Deno.test("workers that are killed in the middle change no byte", async () => {
  const job = { ...JOB, endBatch: 40 };
  const undisturbed = await digests(job, 2);
  assertEquals(await digestsWithDeaths(job, [0]), undisturbed);
  // The worker that is to take over is then itself still opening the data set.
  assertEquals(await digestsWithDeaths(job, [0, 1]), undisturbed);
  // The one that replaces it dies too.
  assertEquals(await digestsWithDeaths(job, [0], 1), undisturbed);
});

Deno.test("a worker that dies while another still opens is replaced by one", async () => {
  await withFolder(async (dir) => {
    // Worker 0 dies once after it has opened, and its successor at an image.
    const module = (deaths: string) =>
      `const once = (name) => {
  try {
    Deno.mkdirSync(${JSON.stringify(dir)} + "/" + name);
    return true;
  } catch {
    return false;
  }
};
const die = () => setTimeout(() => { throw new Error("died"); });
let images = 0;
export default async () => {
  if (self.name === "patches 1") await new Promise((done) => setTimeout(done, 900));
  else if (${deaths} && once("open")) setTimeout(die, 100);
  return {
    length: 64,
    describe: (index) => "image " + index,
    async image(index) {
      if (${deaths} && self.name === "patches 0" && ++images === 100 && once("image")) die();
      await new Promise((done) => setTimeout(done, 5));
      return { width: 16, height: 16, data: new Uint8Array(768).fill(index) };
    },
  };
};
`;
    const streamOf = async (deaths: boolean) => {
      const path = `${dir}/${deaths}.ts`;
      await Deno.writeTextFile(path, module(`${deaths}`));
      const name = pathToFileURL(path).href;
      return {
        ...JOB,
        source: { name, split: "train" as const },
        endBatch: 40,
      };
    };
    const undisturbed = await digests(await streamOf(false), 2);
    assertEquals(await digests(await streamOf(true), 2), undisturbed);
    assertEquals([...Deno.readDirSync(dir)].length, 4);
  });
});

Deno.test("a data set that ends its process loses that image alone", async () => {
  await withFolder(async (dir) => {
    for (const end of ["Deno.exit(0)", "self.close()", "process.exit(0)"]) {
      const path = `${dir}/${end.slice(0, 4)}.ts`;
      await Deno.writeTextFile(
        path,
        `import process from "node:process";
export default () => ({
  length: 200,
  describe: (index) => "image " + index,
  image(index) {
    if (index === 7) ${end};
    return { width: 16, height: 16, data: new Uint8Array(768).fill(index) };
  },
});
void process;
`,
      );
      const skipped: string[] = [];
      const source = {
        name: pathToFileURL(path).href,
        split: "train" as const,
      };
      const job = { ...JOB, source, endBatch: 25 };
      await using stream = await PatchStream.open(job, {
        workers: 2,
        onSkipped: (image, why) => skipped.push(`${image}: ${why}`),
      });
      let batches = 0;
      for await (const _ of stream) batches++;
      assertEquals(batches, 25);
      assertEquals(skipped.length, 1);
      assertStringIncludes(skipped[0]!, "image 7: ");
      assertStringIncludes(
        skipped[0]!,
        `the data set calls ${end.split("(")[0]!.replace("self.", "")}()`,
      );
    }
  });
});

Deno.test("workers that keep dying end the stream with one line", async () => {
  await withWorkers(async (started) => {
    await using stream = await PatchStream.open(
      { ...JOB, endBatch: 10_000 },
      { workers: 1 },
    );
    await assertRejects(
      async () => {
        let batch = 0;
        for await (const _ of stream) {
          await pause();
          // After 50 more batches the newest worker is running.
          if (batch++ % 50 !== 0) continue;
          kill(started.at(-1)!);
        }
      },
      Error,
      "Cannot keep the patch workers running",
    );
  });
});

Deno.test("a data set that cannot be opened fails at once", async () => {
  const source = { name: "cifar10", dir: "no/such", split: "train" as const };
  // The error comes from a worker, as an EmpSslError with its code.
  const { code } = await assertRejects(
    () => PatchStream.open({ ...JOB, source }, { workers: 2 }),
    EmpSslError,
    "Cannot open cifar10 in no/such",
  );
  assertEquals(code, "NOT_FOUND");
});

Deno.test("a stream says which image each row is of, and which is of none", async () => {
  await withFolder(async (dir) => {
    await writeImages(dir, { classes: 1, each: 6 });
    await Deno.writeTextFile(`${dir}/train/c0/2.png`, "this is no image");
    await using stream = await PatchStream.open({
      ...JOB,
      source: { name: "images", dir, split: "train" },
      images: 4,
      shuffle: false,
      endBatch: 2,
    }, { workers: 2 });
    const rows: number[] = [];
    for await (const _ of stream) rows.push(...stream.images);
    // The third image cannot be read; the last two rows are beyond the end.
    assertEquals(rows, [0, 1, -1, 3, 4, 5, -1, -1]);
  });
});

Deno.test("a signal that comes while a stream opens ends it", async () => {
  const controller = new AbortController();
  const opening = PatchStream.open(JOB, {
    workers: 1,
    signal: controller.signal,
  });
  controller.abort();
  await assertRejects(() => opening, DOMException);
});

Deno.test("a loop that is left and begun again gives the batches that are left", async () => {
  const copies = async (stream: PatchStream, most: number) => {
    const found: Uint8Array[] = [];
    for await (const batch of stream) {
      found.push(batch.slice());
      if (found.length === most) break;
    }
    return found;
  };
  await using whole = await PatchStream.open(JOB, { workers: 1 });
  await using parted = await PatchStream.open(JOB, { workers: 1 });
  const first = await copies(parted, 2), rest = await copies(parted, 9);
  assertEquals([first.length, rest.length], [2, 4]);
  assertEquals([...first, ...rest], await copies(whole, 9));
  assertEquals(await copies(parted, 9), []);
});

Deno.test("a job whose parts do not fit together is refused", async () => {
  const { source } = JOB;
  const grey = { channels: 1, bits: 8 } as const;
  const jobs: [Partial<PatchJob>, string][] = [
    [{ source: { ...source, limit: 7 } }, "shapes has 7, give fewer images"],
    [
      { source: { ...source, pixels: grey } },
      "images of 1 channel are not RGB",
    ],
    [
      { source: { ...source, pixels: grey, cache: { dir: "x", side: 32 } } },
      "a cache holds 8-bit RGB",
    ],
    [{ images: 0 }, "images 0: it is not a positive whole number"],
    [{ patches: 2.5 }, "patches 2.5: it is not a positive whole number"],
    [{ firstBatch: -1 }, "these are not whole numbers from 0 up"],
    [{ share: { index: 0, of: 3 } }, "give a multiple of 3"],
    [{ share: { index: 2, of: 2 } }, "share 2 of 2: there is no such share"],
    [{ share: { index: -1, of: 2 } }, "share -1 of 2"],
    [{ source: { ...source, limit: 0 } }, "it is not a positive whole number"],
    [
      { source: { ...source, limit: 1.5 } },
      "it is not a positive whole number",
    ],
  ];
  for (const [change, why] of jobs) {
    await assertRejects(
      () => PatchStream.open({ ...JOB, ...change }, { workers: 1 }),
      Error,
      why,
    );
  }
});

Deno.test("a stream that is closed while images are decoded lets the program live", async () => {
  const sharp = await loadSharp();
  await withFolder(async (dir) => {
    const noise = { type: "gaussian" as const, mean: 128, sigma: 40 };
    const background = "gray";
    const size = { width: 4000, height: 3000, channels: 3 as const };
    const jpeg = await sharp({ create: { ...size, background, noise } }).jpeg()
      .toBuffer();
    for (let i = 0; i < 12; i++) await Deno.writeFile(`${dir}/${i}.jpg`, jpeg);
    const { code, out, err } = await runTask("close_case", [dir]);
    assertEquals([code, out.trim()], [0, "alive"], err);
  });
});
