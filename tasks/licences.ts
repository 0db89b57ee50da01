/**
 * `deno task licences`: lists the npm packages of deno.lock, with the licence that each
 * one states.
 *
 * @module
 */
import { EmpSslError } from "../src/common/errors.ts";
import type { Command } from "./cli/flags.ts";
import { main } from "./cli/main.ts";

const command: Command = {
  usage: "deno task licences",
  about:
    "Lists every package of deno.lock with its licence; exit code 2 where " +
    "one is not\namong those that an MIT project may depend on.",
  flags: {},
  examples: ["deno task licences"],
};

/** Licences that an MIT project may depend on without further review. */
const ACCEPTED =
  /^\(?(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|CC0-1\.0|Unlicense|Python-2\.0|LGPL-3\.0-or-later)\b/;

/** The folders of Deno's npm cache, one per registry; in each, `name/version`. */
async function packageFolders(): Promise<string[]> {
  const { stdout } = await new Deno.Command("deno", {
    args: ["info", "--json"],
  }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  return [...Deno.readDirSync(npmCache)].map(({ name }) =>
    `${npmCache}/${name}`
  );
}

/** The licence that a package states; undefined if it is not in the cache. */
function licenceOf(folders: string[], name: string, version: string) {
  for (const folder of folders) {
    try {
      const text = Deno.readTextFileSync(
        `${folder}/${name}/${version}/package.json`,
      );
      const { license, licenses } = JSON.parse(text);
      return String(license?.type ?? license ?? licenses?.[0]?.type ?? "none");
    } catch {
      // The package may be from another registry.
    }
  }
}

if (import.meta.main) {
  await main(command, async () => {
    const lock = JSON.parse(
      await Deno.readTextFile(new URL("../deno.lock", import.meta.url)),
    );
    const folders = await packageFolders();
    const refused: string[] = [];
    for (const key of Object.keys(lock.npm).sort()) {
      const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key)!;
      const licence = licenceOf(folders, name, version);
      // Packages for other systems are in the lock file but not in the cache.
      if (licence === undefined) continue;
      console.log(`${licence.padEnd(20)} ${name}@${version}`);
      if (!ACCEPTED.test(licence)) refused.push(`${name} (${licence})`);
    }
    if (refused.length === 0) return;
    throw new EmpSslError({
      action: "accept",
      subject: "the licences",
      found: refused.join(", "),
      remedy:
        "replace these packages, or accept their licences in tasks/licences.ts",
      code: "INVALID_DATA",
    });
  });
}
