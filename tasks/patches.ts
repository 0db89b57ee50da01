/**
 * `deno task patches`: writes an image and its patches as one picture.
 *
 * @module
 */
import { openDataset } from "../src/data/open_dataset.ts";
import { encodePng } from "../src/data/png.ts";
import { EmpSslError } from "../src/common/errors.ts";
import { contactSheet } from "../src/patches/contact_sheet.ts";
import { recipeOf } from "../src/patches/recipe.ts";
import { createTransforms } from "../src/patches/create_transforms.ts";
import { writeAtomically } from "../src/common/atomic_file.ts";
import { prepareRun } from "../src/train/config.ts";
import { pixelsOf, trainSource } from "../src/checkpoint/run_config.ts";
import type { Command, Values } from "./cli/flags.ts";
import { main, showPreparation } from "./cli/main.ts";
import { configOf } from "./cli/train_choices.ts";
import { command as trainCommand } from "./cli/train_flags.ts";

const { data, "data-dir": dir, "data-options": dataOptions, preset } =
  trainCommand.flags;
const { arch, seed, "num-patches": patches, "patch-size": patchSize } =
  trainCommand.flags;
const { recipe, "crop-scale": cropScale, "no-color": noColor } =
  trainCommand.flags;
const { channels, bits } = trainCommand.flags;

/** The command line of `deno task patches`. */
export const command: Command = {
  usage: "deno task patches [flags]",
  about: "Writes a picture of a training image and the patches that epoch 0 " +
    "cuts from it (of several sizes the last).",
  flags: {
    data,
    "data-dir": dir,
    "data-options": dataOptions,
    preset,
    arch,
    seed,
    "num-patches": patches,
    "patch-size": patchSize,
    recipe,
    "crop-scale": cropScale,
    "no-color": noColor,
    channels,
    bits,
    index: { type: "number", help: "which image, from 0 (default 0)" },
    out: { type: "text", value: "FILE", help: "default patches.png" },
  },
  examples: [
    "deno task patches --data cifar10 --data-dir cifar-10-batches-bin --index 7",
  ],
};

/** See the module's description. */
export async function run(values: Values): Promise<void> {
  const index = (values.index ?? 0) as number;
  const path = String(values.out ?? "patches.png");
  if (!path.toLowerCase().endsWith(".png")) {
    throw new EmpSslError({
      action: "write",
      subject: `--out ${path}`,
      found: "a picture is written as PNG",
      remedy: "end the name in .png",
      code: "INVALID_ARGUMENT",
    });
  }
  const { config } = await prepareRun({
    ...configOf({ ...values, cluster: "none" }),
    bs: 2,
  }, { onEvent: showPreparation() });
  const dataset = await openDataset(trainSource(config));
  if (!Number.isInteger(index) || index < 0 || index >= dataset.length) {
    throw new EmpSslError({
      action: "show",
      subject: `--index ${index}`,
      found: `${config.data} has ${dataset.length} images`,
      remedy: `give 0 to ${dataset.length - 1}`,
      code: "INVALID_ARGUMENT",
    });
  }
  const sheet = contactSheet(await dataset.image(index), {
    recipe: config.views ?? recipeOf(config.recipe),
    size: config.patchSize,
    patches: config.numPatches,
    seed: config.seed,
    index,
    transforms: await createTransforms(pixelsOf(config)),
  });
  writeAtomically(path, await encodePng(sheet));
  console.log(`${dataset.describe(index)}: ${path}`);
}

if (import.meta.main) await main(command, run);
