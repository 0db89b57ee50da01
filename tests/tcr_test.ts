/** The coding rate by the b×b and by the d×d matrix: Sylvester's identity. */
import { assertAlmostEquals } from "@std/assert";
import * as tf from "../src/deps/tfjs.ts";
import { loadEager } from "../src/engine/eager/load.ts";
import { totalCodingRate } from "../src/model/tcr.ts";
import { hashed } from "./formula.ts";

Deno.test("TCR and its gradient are the same by the b×b and the d×d matrix", async () => {
  await loadEager("cpu");
  const n = 2, b = 5, d = 5, zeros = 3;
  // Zero padding changes only which matrix is smaller: `wide` has more dimensions,
  // `tall` more images. eps is scaled so that d/(b·eps) stays the same.
  const z = tf.tensor(hashed(n * b * d, 7, 1), [n, b, d]);
  const wide = tf.pad(z, [[0, 0], [0, 0], [0, zeros]]);
  const tall = tf.pad(z, [[0, 0], [0, zeros], [0, 0]]);
  const eps = 0.2;
  const rate = (x: tf.Tensor, scale: number) =>
    tf.valueAndGrad((x: tf.Tensor) =>
      totalCodingRate(x, eps * scale) as tf.Scalar
    )(x);
  const square = rate(z, 1);
  const byImages = rate(wide, (d + zeros) / d);
  const byDimensions = rate(tall, b / (b + zeros));
  const [wanted] = await square.value.data();
  const gradient = await square.grad.data();
  for (
    const [{ value, grad }, size] of [
      [byImages, [n, b, d]],
      [byDimensions, [n, b, d]],
    ] as const
  ) {
    assertAlmostEquals((await value.data())[0], wanted, 1e-5);
    const own = await tf.slice(grad, [0, 0, 0], [...size]).data();
    own.forEach((x, i) => assertAlmostEquals(x, gradient[i], 1e-5));
  }
});
