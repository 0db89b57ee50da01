/** Progressive resizing: patches of one size first, then of another. */
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { TrainChoices } from "../src/train/choices.ts";
import { overridden, withDefaults } from "../src/train/choices.ts";
import {
  parsePatchSizes,
  patchSizesInWords,
  patchSizesText,
  sizePhases,
  workOf,
} from "../src/stream/patch_sizes.ts";
import { validateConfig } from "../src/train/validate.ts";
import { withFolder } from "./images.ts";
import { parseFlags } from "../tasks/cli/flags.ts";
import { configOf } from "../tasks/cli/train_choices.ts";
import { command } from "../tasks/cli/train_flags.ts";
import { NARROW_MODEL } from "./narrow.ts";
import type { Told } from "./progressive_case.ts";
import { engineForTasks, runTask } from "./tasks.ts";
import { outcomeOf } from "./training_process.ts";

const { ignore, reason } = await engineForTasks();

Deno.test("--patch-size takes one size, or several with where each begins", () => {
  assertEquals(parsePatchSizes("32"), { patchSize: 32 });
  assertEquals(parsePatchSizes("16,24@.5,32@0.75"), {
    patchSize: 32,
    progressive: [
      { patchSize: 16, until: .5 },
      { patchSize: 24, until: .75 },
    ],
  });
  for (const text of ["", "x", "16,32", "16@0.5,32", "16,32@1", "16,32@75%"]) {
    assertThrows(() => parsePatchSizes(text), Error, "give for example 32, or");
  }
});

Deno.test("sizes begin one after the other, and each is large enough", () => {
  const check = (text: string) =>
    validateConfig(withDefaults(parsePatchSizes(text)));
  check("16,24@0.5,32@0.75");
  assertThrows(() => check("16,24@0.5,32@0.5"), Error, "between 0.5 and 1");
  assertThrows(() => check("16,32@0.0"), Error, "between 0 and 1");
  assertThrows(() => check("4,32@0.5"), Error, "halves the side several times");
});

Deno.test("a size alone says that none comes before it", () => {
  const early = [{ patchSize: 8, until: .5 }];
  const sizes = { patchSize: 32, progressive: early };
  assertEquals(overridden(sizes, { patchSize: 16 }).progressive, undefined);
  assertEquals(overridden(sizes, { lr: 1 }).progressive, early);
  assertEquals(withDefaults({ preset: "fast" }).progressive, undefined);
  const none = withDefaults({ patchSize: 16, progressive: [] });
  assert(!Object.hasOwn(none, "progressive"));
  const config = (...args: string[]) => configOf(parseFlags(args, command));
  const two = config("--patch-size", "8,32@0.5");
  assertEquals([two.patchSize, two.progressive], [32, early]);
});

Deno.test("sizes in words, and in the text that is parsed", () => {
  const sizes = parsePatchSizes("16,24@0.55,32@0.75");
  assertEquals(
    patchSizesInWords(sizes),
    "patches of 16×16 (24×24 after 55 %, 32×32 after 75 %)",
  );
  assertEquals(patchSizesInWords({ patchSize: 32 }), "patches of 32×32");
  assertEquals(parsePatchSizes(patchSizesText(sizes)), sizes);
});

Deno.test("steps with larger patches are more of a run's work", () => {
  const run = { ...parsePatchSizes("16,32@0.75"), steps: 8 };
  const work = [0, 3, 6, 7, 8].map((step) => workOf(run, step) / 256);
  assertEquals(work, [0, 3, 6, 10, 14]);
});

Deno.test("each step of a run has one size", () => {
  const wanted = { ...parsePatchSizes("16,24@0.5,32@0.75"), steps: 10 };
  assertEquals(sizePhases(wanted), [
    { patchSize: 16, first: 0, end: 5 },
    { patchSize: 24, first: 5, end: 8 },
    { patchSize: 32, first: 8, end: 10 },
  ]);
  assertEquals(sizePhases(wanted, 8), [{ patchSize: 32, first: 8, end: 10 }]);
  // A run that has ended.
  assertEquals(sizePhases(wanted, 10), [{ patchSize: 32, first: 10, end: 10 }]);
  // A run that is too short for all sizes.
  assertEquals(sizePhases({ ...wanted, steps: 1 }), [
    { patchSize: 16, first: 0, end: 1 },
  ]);
});

Deno.test({
  name: `a run with two sizes goes on exactly, also where they meet${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (dir) => {
      const choices: TrainChoices = {
        limitImages: 16,
        bs: 4,
        numPatches: 2,
        model: NARROW_MODEL,
        epoch: 3,
        patchSize: 16,
        progressive: [{ patchSize: 8, until: .5 }],
        precision: "fp32",
        engine: "tensorflow",
        threads: 1,
      };
      const run = (name: string) => `${dir}/${name}`;
      const runs: Told[] = [
        { choices: { ...choices, dir: run("whole") } },
        { choices: { ...choices, dir: run("seam") }, until: 6 },
        { choices: {}, resume: run("seam") },
        // A run that has all its steps.
        { choices: {}, resume: run("whole") },
        { choices: { patchSize: 8 }, resume: run("whole") },
        { choices: { patchSize: 16 }, resume: run("whole") },
      ];
      const { code, out, err } = await runTask("progressive_case", [
        JSON.stringify(runs),
      ]);
      assertEquals(code, 0, err);
      const found: (number[] | string)[] = JSON.parse(out);
      const [small, large] = found.splice(4, 2);
      assertStringIncludes(`${small}`, "it was started with 8,16@0.5");
      assertStringIncludes(`${large}`, "it was started with 8,16@0.5");
      assertEquals(found, [[6, 16], [], [], []]);
      const wanted = await outcomeOf(run("whole"));
      assertEquals(await outcomeOf(run("seam")), wanted);
    });
  },
});
