/** Reports on runs. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { writeReport } from "../src/report/report.ts";
import { thinned } from "../src/report/run_record.ts";
import { withFolder } from "./images.ts";
import { writeRun } from "./runs.ts";
import { runTask } from "./tasks.ts";

Deno.test("a report compares runs, and needs nothing from elsewhere", async () => {
  await withFolder(async (dir) => {
    const runs = [`${dir}/one`, `${dir}/two/`];
    await writeRun(runs[0], 30);
    await writeRun(runs[1], 20_000);
    const { out, figures, missing } = await writeReport({
      runs,
      gallery: false,
    });
    assertEquals(out, `${dir}/one/report.html`);
    assertEquals(missing, []);
    assertEquals(figures.length, 8);
    for (const path of figures) {
      const svg = await Deno.readTextFile(path);
      assertStringIncludes(svg, "<svg");
      assertEquals(svg.match(/<path [^>]*stroke="#/g)?.length ?? 0, 2, path);
    }
    const html = await Deno.readTextFile(out);
    assert(html.length < 1e6, `${html.length}`);
    const links = [...html.matchAll(/(?:src|href)="([^"]{0,40})/g)];
    assert(links.every(([, link]) => link.startsWith("data:image/png")));
    assertStringIncludes(html, "&lt;b&gt;");
    assert(!html.includes('<b>"&'));
    assertStringIncludes(html, "<td>30 of 30</td><td>20000 of 20000</td>");
    assertStringIncludes(html, "<td>50.0 %</td><td>50.0 %</td>");
  });
});

Deno.test("a run has one colour in all figures, also where others have no points", async () => {
  await withFolder(async (dir) => {
    const runs = [`${dir}/one`, `${dir}/two`];
    for (const run of runs) await writeRun(run, 30);
    const path = `${runs[0]}/metrics.jsonl`;
    const lines = (await Deno.readTextFile(path)).split("\n");
    const without = lines.filter((line) => !line.includes("probe"));
    await Deno.writeTextFile(path, without.join("\n"));
    const { figures } = await writeReport({ runs, gallery: false });
    const colors = async (name: string) => {
      const svg = figures.find((figure) => figure.includes(name))!;
      const text = await Deno.readTextFile(svg);
      return [...text.matchAll(/stroke="(#[0-9a-f]{6})"/g)].map(([, c]) => c);
    };
    const [, second] = await colors("loss");
    assertEquals(new Set(await colors("probe")), new Set([second]));
  });
});

Deno.test("what is published of EMP-SSL is told of its own runs alone", async () => {
  await withFolder(async (dir) => {
    for (const [method, told] of [["simclr", 0], ["emp-ssl", 1]] as const) {
      const run = `${dir}/${method}`, path = `${run}/config.json`;
      await writeRun(run, 10);
      const config = JSON.parse(await Deno.readTextFile(path));
      await Deno.writeTextFile(
        path,
        JSON.stringify({ ...config, data: "cifar10", method }),
      );
      const { out } = await writeReport({ runs: [run], gallery: false });
      const html = await Deno.readTextFile(out);
      assertEquals(html.match(/Published for EMP-SSL/g)?.length ?? 0, told);
    }
  });
});

Deno.test("a report that is ended is not written", async () => {
  await withFolder(async (dir) => {
    const runs = [`${dir}/one`];
    await writeRun(runs[0], 30);
    const out = `${runs[0]}/ended.html`, signal = AbortSignal.abort("enough");
    const reason = await writeReport({ runs, out }, { signal })
      .catch((error) => error);
    assertEquals(reason, "enough");
    await assertRejects(() => Deno.stat(out));
  });
});

Deno.test("thinned() keeps the ends", () => {
  const all = Array.from({ length: 1001 }, (_, i) => i);
  const some = thinned(all, 100);
  assertEquals([some.length, some[0], some.at(-1)], [100, 0, 1000]);
  assertEquals(thinned(all, 2000), all);
});

Deno.test("a report on no run is refused", async () => {
  const cases: [string[], string][] = [
    [[], "no run was named"],
    [["/nowhere"], "Cannot read the run /nowhere/config.json"],
    [["--outt", "x"], "did you mean --out"],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await runTask("report", args);
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  }
});
