/** Unusual image files give the same bytes as torchvision's loader. */
import { assertEquals } from "@std/assert";
import { decodeFile } from "../src/data/decode.ts";
import golden from "../fixtures/decode.json" with { type: "json" };

for (const [name, file] of Object.entries(golden.files)) {
  Deno.test(`decodeFile() reads ${name} as Pillow ${golden.pillow} does`, async () => {
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeFile(path, Uint8Array.fromBase64(file.bytes));
      const { width, height, data } = await decodeFile(path);
      assertEquals([width, height], [file.width, file.height]);
      assertEquals([...data], [...Uint8Array.fromBase64(file.rgb)]);
    } finally {
      await Deno.remove(path);
    }
  });
}

Deno.test("an image with alpha is shrunk by its colours alone", async () => {
  const path = await Deno.makeTempFile();
  const mean = (values: ArrayLike<number>) =>
    Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
  try {
    const file = golden.files["alpha.png"];
    await Deno.writeFile(path, Uint8Array.fromBase64(file.bytes));
    const whole = await decodeFile(path),
      small = await decodeFile(path, { shrinkTo: 8 });
    assertEquals([small.width, small.height], [12, 8]);
    // Weighted by alpha, the small image would be far darker.
    assertEquals(Math.abs(mean(whole.data) - mean(small.data)) < 2, true);
  } finally {
    await Deno.remove(path);
  }
});
