/** The server of the live page; slow/live_page.ts tests the page in a browser. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Dashboard } from "../src/dashboard/dashboard.ts";
import { History } from "../src/dashboard/history.ts";
import { principalMap } from "../src/train/spectrum.ts";

const STEP = {
  epoch: 0,
  lr: 0.3,
  loss: -300,
  invariance: 0.8,
  tcr: 140,
  effectiveRank: 12,
  computeSeconds: 3,
  waitSeconds: 1,
  patchesPerSecond: 90,
};

async function read(
  stream: ReadableStream<Uint8Array>,
  count: number,
): Promise<{ type: string; step: number }[]> {
  const found: { type: string; step: number }[] = [];
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    for (const text of decoder.decode(bytes).split("\n\n")) {
      if (text) found.push(JSON.parse(text.replace("data: ", "")));
    }
    if (found.length >= count) break;
  }
  return found;
}

Deno.test("each viewer sees the whole history, at its own speed", async () => {
  const history = new History();
  for (let step = 0; step < 1200; step++) history.push({ type: "step", step });
  const late = history.follow();
  const found = await read(late, 1200);
  assertEquals(found.map((r) => r.step), Array.from(found, (_, i) => i));
  const follower = history.follow();
  const more = read(follower, 1300);
  for (let step = 1200; step < 1300; step++) {
    history.push({ type: "step", step });
    if (step % 10 === 0) await new Promise((done) => setTimeout(done));
  }
  assertEquals((await more).length, 1300);
});

Deno.test("a long history is thinned out, but for what is rare", async () => {
  const history = new History();
  for (let step = 0; step < 50_000; step++) {
    history.push({ type: "step", step });
    history.push({ type: "batch", step });
    if (step % 10_000 === 0) history.push({ type: "probe", step });
  }
  history.end();
  const found = await read(history.follow(), Infinity);
  const steps = found.filter((r) => r.type === "step").map((r) => r.step);
  assert(steps.length < 4100 && steps.length > 3000);
  // Evenly over the whole run.
  const gaps = steps.map((step, i) => step - (steps[i - 1] ?? -1));
  assert(Math.max(...gaps) <= 13, `${Math.max(...gaps)}`);
  assertEquals(found.filter((r) => r.type === "batch").length, 1);
  assertEquals(found.filter((r) => r.type === "probe").length, 5);
  assertEquals(found.at(-1)!.step, 49_999);
});

Deno.test("the page is read-only, and for this machine alone", async () => {
  const dashboard = Dashboard.serve(0);
  try {
    const { url } = dashboard;
    for (
      const path of [
        "",
        "page.js",
        "page.css",
        "uplot.js",
        "uplot.css",
        "umap.js",
      ]
    ) {
      const answer = await fetch(url + path);
      assertEquals(answer.status, 200, path);
      const policy = answer.headers.get("content-security-policy")!;
      assertStringIncludes(policy, "default-src 'none'; script-src 'self'");
      assert((await answer.text()).length > 300);
    }
    const posted = await fetch(url, { method: "POST", body: "x" });
    assertEquals(posted.status, 405);
    await posted.body?.cancel();
    const missing = await fetch(`${url}../../etc/passwd`);
    assertEquals(missing.status, 404);
    await missing.body?.cancel();
    // fetch() cannot set Host: `ask` writes the request itself.
    const { port } = new URL(url);
    // The second is what a browser sends behind `ssh -L 9000:localhost:4680`.
    const cases: [string, string][] = [
      ["evil.example", "403 Forbidden"],
      ["localhost:9000", "200 OK"],
      ["127.0.0.1.evil.example:9000", "403 Forbidden"],
      ["[::1]:9000", "200 OK"],
      ["localhost:99999", "400 Bad Request"],
    ];
    for (const [host, status] of cases) {
      const asked = await ask(Number(port), host);
      assertStringIncludes(asked, status, host);
    }
  } finally {
    await dashboard.close();
  }
});

Deno.test("principalMap() keeps distances of points in a plane", () => {
  const points = [[1, 0], [0, 1], [-1, 0.5], [2, 2]];
  const b = points.length;
  const gram = Float32Array.from({ length: b * b }, (_, i) => {
    const [p, q] = [points[Math.floor(i / b)], points[i % b]];
    return p[0] * q[0] + p[1] * q[1];
  });
  const map = principalMap(gram);
  for (let i = 0; i < b; i++) {
    for (let j = 0; j < b; j++) {
      const far = ([x, y]: number[], [u, v]: number[]) =>
        Math.hypot(x - u, y - v);
      assert(Math.abs(far(points[i], points[j]) - far(map[i], map[j])) < 1e-5);
    }
  }
});

Deno.test("records are made for a viewer only as it reads", async () => {
  const history = new History();
  for (let step = 0; step < 3000; step++) history.push({ type: "step", step });
  const encode = TextEncoder.prototype.encode;
  let chunks = 0;
  TextEncoder.prototype.encode = function (text) {
    chunks++;
    return encode.call(this, text);
  };
  try {
    const reader = history.follow().getReader();
    for (let step = 0; step < 3000; step++) {
      history.push({ type: "step", step });
    }
    await new Promise((done) => setTimeout(done, 20));
    assertEquals(chunks, 0);
    const { value } = await reader.read();
    assertEquals(new TextDecoder().decode(value).match(/data: /g)!.length, 500);
    assertEquals(chunks, 1);
    await reader.cancel();
  } finally {
    TextEncoder.prototype.encode = encode;
  }
});

Deno.test("a viewer that does not read keeps nothing waiting", async () => {
  const dashboard = Dashboard.serve(0);
  const { port } = new URL(dashboard.url);
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(port),
  });
  await connection.write(new TextEncoder().encode(
    `GET /events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
  ));
  let longest = 0;
  for (let step = 0; step < 20_000; step++) {
    const begin = performance.now();
    await dashboard.show({ type: "step", metrics: { ...STEP, step } });
    longest = Math.max(longest, performance.now() - begin);
  }
  assert(longest < 500, `${longest} ms`);
  // It is cut off after a while.
  const begin = performance.now();
  await dashboard.close();
  const seconds = (performance.now() - begin) / 1000;
  assert(seconds < 20, `${seconds} s`);
  connection.close();
});

/** The start of the response to a request with a given Host header. */
async function ask(port: number, host: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(
    `GET /batch.json HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  ));
  const buffer = new Uint8Array(1000);
  const length = await connection.read(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, length));
}
