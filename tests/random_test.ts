import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  permute,
  philox4x32,
  Purpose,
  RandomStream,
} from "../src/common/random.ts";

Deno.test("philox4x32() gives the test vectors of Random123", () => {
  const vectors = [
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, [key0, key1], wanted] of vectors) {
    const words = Uint32Array.from(counter);
    philox4x32(words, key0, key1);
    assertEquals([...words], wanted);
  }
});

Deno.test("permute() is a bijection, another one for each seed and epoch", () => {
  for (const count of [1, 2, 5, 100, 1000]) {
    const all = (seed: number, epoch: number) =>
      Array.from(
        { length: count },
        (_, i) => permute(i, { count, seed, epoch }),
      );
    assertEquals(new Set(all(3, 0)).size, count);
    if (count < 100) continue;
    assertNotEquals(all(3, 0), all(3, 1));
    assertNotEquals(all(3, 0), all(4, 0));
  }
});

Deno.test("RandomStream draws independent numbers at other coordinates", () => {
  const means = [0, 1, 2].map((axis) => {
    let sum = 0;
    for (let i = 0; i < 4000; i++) {
      const at = [0, 0, 0];
      at[axis] = i;
      sum += new RandomStream({ seed: 9, purpose: Purpose.patch, at })
        .uniform();
    }
    return sum / 4000;
  });
  // The mean of 4,000 uniform draws has a standard deviation of 0.0046.
  for (const mean of means) assert(Math.abs(mean - 0.5) < 0.02, `${mean}`);
});

Deno.test("normal() has mean 0 and deviation 1", () => {
  const random = new RandomStream({
    seed: 1,
    purpose: Purpose.weights,
    at: [],
  });
  let sum = 0, squares = 0;
  for (let i = 0; i < 20000; i++) {
    const x = random.normal();
    sum += x;
    squares += x * x;
  }
  assert(Math.abs(sum / 20000) < 0.03);
  assert(Math.abs(squares / 20000 - 1) < 0.05);
});
