/** Data sets that are downloaded as archives from a server on the loopback address. */
import "./flags.ts";
import { setUpTensorFlow } from "../src/engine/setup/set_up.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { openDataset } from "../src/data/open_dataset.ts";
import { download } from "../src/data/download.ts";
import { prepareDataset } from "../src/data/prepare.ts";
import { unpack } from "../src/data/unpack.ts";
import { EmpSslError } from "../src/common/errors.ts";
import { exists } from "../src/common/files.ts";
import {
  cifarArchive,
  md5,
  serveFile,
  tarGz,
  tarGzOf,
  tinyImagenetArchive,
  zip,
} from "./archive_files.ts";
import { withFolder } from "./images.ts";
import { runTask } from "./tasks.ts";

const text = (s: string) => new TextEncoder().encode(s);

Deno.test("prepareDataset() downloads, checks and unpacks CIFAR", async () => {
  for (const name of ["cifar10", "cifar100"] as const) {
    await withFolder(async (home) => {
      const bytes = await cifarArchive(name);
      await using server = serveFile(bytes, { name: `${name}.tar.gz` });
      const url = `${server.url}#md5=${md5(bytes)}`;
      const options = { name, home, url, download: true };
      const { dir } = await prepareDataset(options);
      assertEquals(dir, `${home}/${name}`);
      const train = await openDataset({ name, dir, split: "train" });
      const test = await openDataset({ name, dir, split: "test" });
      assertEquals([train.length, test.length], [24, 10]);
      assertEquals(train.label(13), name === "cifar10" ? 3 : 13);
      // The second time the data is there, and nothing is requested.
      assertEquals((await prepareDataset(options)).dir, dir);
      assertEquals(server.ranges.length, 1);
      const left = [...Deno.readDirSync(dir!)].map((entry) => entry.name)
        .filter((name) => name !== ".download.lock");
      assertEquals(left.length, 1, left.join());
    });
  }
});

Deno.test("prepareDataset() unpacks Tiny ImageNet's zip", async () => {
  await withFolder(async (home) => {
    const bytes = await tinyImagenetArchive();
    await using server = serveFile(bytes, { name: "tiny-imagenet-200.zip" });
    const url = `${server.url}#md5=${md5(bytes)}`;
    const name = "tinyimagenet";
    const { dir } = await prepareDataset({ name, home, url, download: true });
    const train = await openDataset({ name, dir, split: "train" });
    const test = await openDataset({ name, dir, split: "test" });
    assertEquals([train.length, test.length], [18, 3]);
    assertEquals([0, 1, 2].map((i) => test.label(i)), [0, 1, 2]);
    assertEquals((await train.image(0)).width, 64);
  });
});

Deno.test("a download that breaks off is taken up where it stopped", async () => {
  await withFolder(async (home) => {
    const bytes = await cifarArchive("cifar10");
    const name = "cifar10";
    await using server = serveFile(bytes, { name: "c.tar.gz", drops: 2 });
    const url = `${server.url}#md5=${md5(bytes)}`;
    const seen: number[] = [];
    await prepareDataset({ name, home, url, download: true }, {
      onEvent: (event) => event.type === "download" && seen.push(event.bytes),
    });
    const half = bytes.length >> 1;
    assertEquals(server.ranges.slice(0, 2), [null, `bytes=${half}-`]);
    assertEquals(server.ranges.length, 3);
    assertEquals(seen.at(-1), bytes.length);
    assert(seen.every((n, i) => i === 0 || n > seen[i - 1]));
  });
});

Deno.test("a download that is ended keeps what has come", async () => {
  await withFolder(async (home) => {
    const bytes = await cifarArchive("cifar10"), name = "cifar10";
    await using server = serveFile(bytes, { name: "c.tar.gz", drops: 1 });
    const url = `${server.url}#md5=${md5(bytes)}`;
    const options = { name, home, url, download: true };
    const controller = new AbortController(), { signal } = controller;
    const reason = await prepareDataset(options, {
      signal,
      onEvent: () => controller.abort("enough"),
    }).catch((error) => error);
    assertEquals(reason, "enough");
    const { dataset } = await prepareDataset(options);
    assertEquals(dataset.classes.length, 10);
    assert(server.ranges.some((range) => range !== null), "it began anew");
    const none = await setUpTensorFlow({}, { signal }).catch((error) => error);
    assertEquals(none, "enough");
  });
});

Deno.test("an error of the caller's callback ends a download as it is", async () => {
  const bytes = await cifarArchive("cifar10"), name = "cifar10";
  for (const type of ["download", "unpack", "search"]) {
    await withFolder(async (home) => {
      await using server = serveFile(bytes, { name: "c.tar.gz" });
      const url = `${server.url}#md5=${md5(bytes)}`;
      const mine = new Error(`mine in ${type}`);
      const found = await prepareDataset({ name, home, url, download: true }, {
        onEvent(event) {
          if (event.type === type) throw mine;
        },
      }).catch((error) => error);
      // CIFAR is in few files: there is no search.
      if (type !== "search") assertEquals(found, mine);
      assertEquals(server.ranges.length, 1);
    });
  }
});

Deno.test("a download that stalls is taken up again, and given up in the end", async () => {
  await withFolder(async (dir) => {
    const bytes = new Uint8Array(8).fill(7), path = `${dir}/file`;
    const options = { path, md5: md5(bytes), stall: 200 };
    {
      await using server = serveFile(bytes, { name: "f", stalls: 1 });
      await download({ ...options, url: server.url });
      assertEquals(server.ranges, [null, "bytes=4-"]);
      assertEquals(await Deno.readFile(path), bytes);
    }
    await Deno.remove(path);
    await using server = serveFile(bytes, { name: "f", stalls: 100 });
    const { message } = await assertRejects(
      () => download({ ...options, url: server.url }),
      EmpSslError,
    );
    assertStringIncludes(message, "no data arrived for");
    // It retries while new bytes arrive, then a few more times.
    assert(server.ranges.length < 20, `${server.ranges.length} requests`);
  });
});

Deno.test("a server that does not resume is asked for all of it again", async () => {
  await withFolder(async (home) => {
    const bytes = await cifarArchive("cifar10");
    await using server = serveFile(bytes, {
      name: "c.tar.gz",
      drops: 1,
      resumes: false,
    });
    const url = `${server.url}#md5=${md5(bytes)}`;
    await prepareDataset({ name: "cifar10", home, url, download: true });
    assertEquals(server.ranges.length, 2);
  });
});

Deno.test("what cannot be downloaded is refused", async () => {
  await withFolder(async (home) => {
    const bytes = await cifarArchive("cifar10");
    const prepare = (url: string, download = true) =>
      prepareDataset({ name: "cifar10", home, url, download });
    await using server = serveFile(bytes, { name: "c.tar.gz" });
    // The official digest is not that of this small archive.
    await assertRejects(() => prepare(server.url), Error, "its MD5 is");
    await assertRejects(
      () => prepare(server.url, false),
      Error,
      "Cannot open cifar10 in",
    );
    await using none = serveFile(bytes, { name: "c.tar.gz" });
    await none[Symbol.asyncDispose]();
    const error = await assertRejects(() => prepare(none.url), Error);
    assertStringIncludes(error.message, `Cannot download ${none.url}`);
    assertStringIncludes(error.message, "--data-url");
  });
});

Deno.test("an archive that the user has is unpacked, and stays", async () => {
  await withFolder(async (dir) => {
    const bytes = await tinyImagenetArchive();
    const path = `${dir}/tiny-imagenet-200.zip`;
    await Deno.writeFile(path, bytes);
    const source = { name: "tinyimagenet", dir, download: false };
    const refused = await assertRejects(() => prepareDataset(source), Error);
    assertStringIncludes(refused.message, `the MD5 of ${path} is`);
    const url = `http://127.0.0.1:9/x.zip#md5=${md5(bytes)}`;
    const { dataset } = await prepareDataset({ ...source, url });
    assertEquals(dataset.length, 18);
    assertEquals((await Deno.stat(path)).size, bytes.length);
  });
});

Deno.test("an archive that is cut off, or has a name twice, is refused", async () => {
  await withFolder(async (dir) => {
    const body = new Uint8Array(3000).fill(7);
    const cases: [Uint8Array, string][] = [
      [await tarGzOf([["a/x", body]], 2048), 'in the middle of "a/x"'],
      [await tarGzOf([["a/x", body], ["a/x", body]]), 'the entry "a/x" twice'],
    ];
    for (const [bytes, found] of cases) {
      await Deno.writeFile(`${dir}/a.tar.gz`, bytes);
      await assertRejects(
        () => unpack(`${dir}/a.tar.gz`, `${dir}/out`),
        EmpSslError,
        found,
      );
      assertEquals(await exists(`${dir}/out`), false);
    }
  });
});

Deno.test("a wait for another process's download is told, and can be ended", async () => {
  await withFolder(async (dir) => {
    using other = await Deno.open(`${dir}/.download.lock`, {
      create: true,
      write: true,
    });
    await other.lock(true);
    const controller = new AbortController(), { signal } = controller;
    const reason = await prepareDataset({
      ...{ name: "cifar10", dir, download: true },
      url: "http://127.0.0.1:9/c.tar.gz",
    }, {
      signal,
      onEvent(event) {
        if (event.type === "warning") controller.abort(event.message);
      },
    }).catch((error) => error);
    assertStringIncludes(
      `${reason}`,
      `another process is downloading into ${dir}`,
    );
  });
});

Deno.test("a digest after a mirror's address is checked before the download", async () => {
  const url = "http://127.0.0.1:9/c.tar.gz#md5=123";
  await assertRejects(
    () => prepareDataset({ name: "cifar10", url, download: true }),
    EmpSslError,
    "#md5=123 is no digest",
  );
});

Deno.test("a mirror's address needs no ending", async () => {
  await withFolder(async (home) => {
    const bytes = await tinyImagenetArchive();
    await using server = serveFile(bytes, { name: "files/123" });
    const url = `${server.url}#md5=${md5(bytes)}`;
    const name = "tinyimagenet";
    const options = { name, home, url, download: true };
    assertEquals((await prepareDataset(options)).dataset.length, 18);
  });
});

Deno.test("a download goes through the proxy of the environment", async () => {
  await withFolder(async (dir) => {
    const bytes = await cifarArchive("cifar10");
    await using proxy = serveFile(bytes, { name: "" });
    const { code, out, err } = await runTask("train", [
      ...["--data", "cifar10", "--data-dir", dir, "--bs", "4"],
      // No such host: only the proxy can answer.
      "--data-url",
      `http://mirror.invalid/c.tar.gz#md5=${md5(bytes)}`,
      "--print-config",
    ], { HTTP_PROXY: proxy.url });
    assertEquals(code, 0, err);
    assertEquals(JSON.parse(out).images, 24);
    assertEquals(proxy.ranges.length, 1);
    assertStringIncludes(err, "Downloading http://mirror.invalid/");
  });
});

Deno.test("a mirror that refuses, or has another file, ends the task", async () => {
  await withFolder(async (dir) => {
    const bytes = await cifarArchive("cifar10");
    await using server = serveFile(bytes, { name: "c.tar.gz" });
    const train = (url: string) =>
      runTask("train", [
        ...["--data", "cifar10", "--data-dir", dir, "--data-url", url],
      ]);
    const wrong = await train(server.url);
    assertEquals([wrong.code, wrong.out], [2, ""]);
    assertStringIncludes(wrong.err, "its MD5 is");
    assert(!wrong.err.includes("    at "), wrong.err);
    await using none = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen() {},
    }, () => new Response("gone", { status: 404 }));
    const { port } = none.addr as Deno.NetAddr;
    const gone = await train(`http://127.0.0.1:${port}/c.tar.gz`);
    assertEquals([gone.code, gone.out], [2, ""]);
    assertStringIncludes(gone.err, "the server answers 404");
    const left = [...Deno.readDirSync(dir)].map((entry) => entry.name);
    assertEquals(left, [".download.lock"]);
  });
});

Deno.test("unpack() refuses hostile and damaged archives", async () => {
  await withFolder(async (dir) => {
    const whole = await tarGz({ "a/b.txt": text("b".repeat(5000)) });
    const hostile: [string, Uint8Array, string][] = [
      ["up.tar.gz", await tarGz({ "../up.txt": text("x") }), "../up.txt"],
      ["root.tar.gz", await tarGz({ "/root.txt": text("x") }), "/root.txt"],
      ["up.zip", await zip({ "a/../../up.txt": text("x") }), "Cannot unpack"],
      ["cut.tar.gz", whole.subarray(0, whole.length - 20), "Cannot unpack"],
      ["text.tar.gz", text("this is no archive"), "Cannot unpack"],
      ["text.zip", text("this is no archive"), "Cannot unpack"],
      [
        "bomb.tar.gz",
        await tarGz({ "a/zeros": new Uint8Array(8e6) }),
        "1000 times its size",
      ],
    ];
    for (const [name, bytes, why] of hostile) {
      await Deno.writeFile(`${dir}/${name}`, bytes);
      await assertRejects(
        () => unpack(`${dir}/${name}`, `${dir}/out`),
        Error,
        why,
        name,
      );
    }
    const left = [...Deno.readDirSync(dir)].map((entry) => entry.name);
    assertEquals(left.sort(), hostile.map(([name]) => name).sort());
  });
});
