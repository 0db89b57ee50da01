/**
 * The import graph: each folder of src/ (a "room") imports only from those before it
 * in `ROOMS`, and there is no import cycle. Type imports count too.
 */
import { assertEquals } from "@std/assert";

/** The rooms of src/, in the order in which data flows. */
const ROOMS = [
  "data",
  "patches",
  "stream",
  "model",
  "engine",
  "checkpoint",
  "cluster",
  "train",
  "evaluate",
  "export",
  "report",
  "dashboard",
];

/** Every room may import these two, which import each other only. */
const SHARED = ["common", "deps"];

/** The training loop, which evaluation, export, report and dashboard may not import. */
const LOOP = ["train", "steps", "training_session", "training_calls", "resume"]
  .map((name) => `src/train/${name}.ts`);

const root = new URL("../", import.meta.url).href;

interface Module {
  specifier: string;
  dependencies?: Record<"code" | "type", { specifier?: string } | undefined>[];
}

/** The files of this repository that each file imports. */
async function importGraph(entries: string[]): Promise<Map<string, string[]>> {
  const graph = new Map<string, string[]>();
  const own = (specifier?: string) =>
    specifier?.startsWith(root) && specifier.endsWith(".ts")
      ? [specifier.slice(root.length)]
      : [];
  for (const entry of entries) {
    const { success, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      { args: ["info", "--json", "--no-npm", new URL(entry, root).href] },
    ).output();
    const text = new TextDecoder();
    if (!success) throw new Error(text.decode(stderr));
    const { modules } = JSON.parse(text.decode(stdout));
    for (const { specifier, dependencies = [] } of modules as Module[]) {
      const imports = dependencies.flatMap(({ code, type }) => [
        ...own(code?.specifier),
        ...own(type?.specifier),
      ]);
      for (const file of own(specifier)) graph.set(file, imports);
    }
  }
  return graph;
}

/** `src/train/steps.ts` is in `train`. */
function roomOf(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1];
}

/** An import cycle: the path from a file back to itself. */
function findCircle(graph: Map<string, string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle) return circle;
    }
    done.add(file);
  };
  for (const file of graph.keys()) {
    const circle = visit(file, []);
    if (circle) return circle;
  }
}

const tasks = [...Deno.readDirSync(new URL("tasks/", root))]
  .filter(({ name }) => name.endsWith(".ts")).map(({ name }) =>
    `tasks/${name}`
  );
const graph = await importGraph([
  "mod.ts",
  "workers/patch_worker.ts",
  "workers/training_worker.ts",
  ...tasks,
]);

Deno.test("every file of src/ is reached by a task, a worker or mod.ts", async () => {
  const files: string[] = [];
  const list = async (folder: string) => {
    for await (
      const { name, isDirectory } of Deno.readDir(new URL(folder, root))
    ) {
      const path = `${folder}${name}`;
      // AssemblyScript, which is compiled to kernels.wasm.
      if (isDirectory && name !== "assembly") await list(`${path}/`);
      else if (name.endsWith(".ts")) files.push(path);
    }
  };
  await list("src/");
  assertEquals(files.filter((file) => !graph.has(file)), []);
});

Deno.test("rooms import from rooms before them only", () => {
  const wrong: string[] = [];
  for (const [file, imports] of graph) {
    if (!file.startsWith("src/")) continue;
    const room = roomOf(file)!;
    for (const other of imports) {
      const from = roomOf(other);
      const allowed = from !== undefined &&
        (SHARED.includes(from) || from === room ||
          !SHARED.includes(room) && ROOMS.indexOf(from) < ROOMS.indexOf(room));
      if (!allowed) wrong.push(`${file} → ${other}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("every file of src/ is in a room that has its place in the order", () => {
  const rooms = new Set(
    [...graph.keys()].filter((file) => file.startsWith("src/")).map(roomOf),
  );
  assertEquals(rooms, new Set([...SHARED, ...ROOMS]));
});

Deno.test("evaluation, export, report and dashboard know nothing of the loop", () => {
  const later = ROOMS.slice(ROOMS.indexOf("evaluate"));
  const wrong = [...graph].flatMap(([file, imports]) =>
    later.includes(roomOf(file)!)
      ? imports.filter((other) => LOOP.includes(other))
        .map((other) => `${file} → ${other}`)
      : []
  );
  assertEquals(wrong, []);
});

Deno.test("no file imports itself by a detour", () => {
  assertEquals(findCircle(graph), undefined);
});
