/** Top-1 and top-5 accuracy of known scores. */
import { assertEquals, assertThrows } from "@std/assert";
import { codeOf } from "../src/common/errors.ts";
import { AccuracyCounter } from "../src/evaluate/accuracy.ts";

function accuracyOf(rows: number[][], labels: number[]) {
  const counter = new AccuracyCounter();
  counter.add(Float32Array.from(rows.flat()), labels);
  return counter.accuracy;
}

Deno.test("accuracy counts the highest and the five highest scores", () => {
  const row = [0.1, 0.6, 0.5, 0.4, 0.3, 0.2];
  assertEquals(accuracyOf([row, row, row], [1, 2, 0]), {
    top1: 1 / 3,
    top5: 2 / 3,
  });
});

Deno.test("of equal scores the first class wins, as in argmax", () => {
  const equal = [1, 1, 1, 1, 1, 1];
  assertEquals(accuracyOf([equal, equal, equal], [0, 4, 5]), {
    top1: 1 / 3,
    top5: 2 / 3,
  });
});

Deno.test("rows without a label do not count, whatever their scores", () => {
  assertEquals(accuracyOf([[NaN, 1], [0, 1]], [-1, 1]), { top1: 1, top5: 1 });
});

for (const bad of [NaN, Infinity, -Infinity]) {
  Deno.test(`a score of ${bad} is an error, not a hit`, () => {
    const error = assertThrows(() => accuracyOf([[0, bad], [bad, 1]], [0, 1]));
    assertEquals(codeOf(error), "NOT_FINITE");
  });
}
