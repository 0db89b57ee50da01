/** Folders of images for tests. */
import { loadSharp } from "../src/deps/sharp.ts";
import { photo } from "./formula.ts";

/** Runs with a temporary folder, and removes it. */
export async function withFolder(
  run: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Writes `train/c0/0.png` and so on. */
export async function writeImages(
  dir: string,
  { classes, each, split = "train", side = 32 }: {
    classes: number;
    each: number;
    split?: string;
    side?: number;
  },
): Promise<void> {
  const sharp = await loadSharp();
  for (let c = 0; c < classes; c++) {
    const folder = `${dir}/${split}/c${c}`;
    await Deno.mkdir(folder, { recursive: true });
    for (let i = 0; i < each; i++) {
      const { width, height, data } = photo(side, side, c * 100 + i);
      const png = await sharp(data, { raw: { width, height, channels: 3 } })
        .png().toBuffer();
      await Deno.writeFile(`${folder}/${i}.png`, png);
    }
  }
}
