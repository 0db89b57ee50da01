/**
 * Checks that the files and headings that the documents link to exist.
 *
 * @module
 */
const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
const SKIPPED = /^(https?:|mailto:)/;

/** The anchor of a heading, as GitHub generates it. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[`*_]/g, "")
    .replace(/[^\p{L}\p{N}\s-]/gu, "").trim().replace(/\s/g, "-");
}

function anchorsOf(path: string): string[] {
  return [...Deno.readTextFileSync(path).matchAll(/^#+ (.*)$/gm)]
    .map(([, heading]) => anchorOf(heading));
}

/** The dead links of a document. */
function faultsOf(path: string): string[] {
  const folder = path.includes("/")
    ? path.slice(0, path.lastIndexOf("/"))
    : ".";
  const faults: string[] = [];
  const text = Deno.readTextFileSync(path).replace(/```[\s\S]*?```/g, "");
  for (const [, link] of text.matchAll(LINK)) {
    if (SKIPPED.test(link)) continue;
    const [file, anchor] = link.split("#");
    const target = file === "" ? path : `${folder}/${file}`;
    try {
      Deno.statSync(target);
    } catch {
      faults.push(`${path}: ${link}: there is no ${target}`);
      continue;
    }
    if (anchor !== undefined && !anchorsOf(target).includes(anchor)) {
      faults.push(`${path}: ${link}: no such heading`);
    }
  }
  return faults;
}

/** Documents at the top, in docs/ and in docs/tasks/. */
function documents(): string[] {
  const inFolder = (dir: string, prefix: string) =>
    [...Deno.readDirSync(dir)].filter(({ name }) => name.endsWith(".md"))
      .map(({ name }) => prefix + name);
  return [
    ...inFolder(".", ""),
    ...inFolder("docs", "docs/"),
    ...inFolder("docs/tasks", "docs/tasks/"),
  ].sort();
}

const all = documents();
const faults = all.flatMap(faultsOf);
for (const fault of faults) console.error(fault);
if (faults.length > 0) Deno.exit(1);
console.log(`The links of ${all.length} documents are alive`);
