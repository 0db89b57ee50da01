/** Our declarations of TensorFlow's C functions against every platform's library. */
import { assert, assertEquals } from "@std/assert";
import { TENSORFLOW_VERSION } from "../src/engine/setup/wheels.ts";
import { C_FUNCTIONS } from "../src/engine/tensorflow/c_api.ts";
import exports from "../fixtures/exports.json" with { type: "json" };

Deno.test("the wheel of every platform exports all functions that we declare", () => {
  assertEquals(exports.version, TENSORFLOW_VERSION);
  assertEquals(Object.keys(exports.exports).sort(), [
    "darwin-aarch64",
    "linux-aarch64",
    "linux-x86_64",
  ]);
  for (const [platform, names] of Object.entries(exports.exports)) {
    const missing = C_FUNCTIONS.filter((name) => !names.includes(name));
    assertEquals(missing, [], platform);
  }
  assert(C_FUNCTIONS.length > 60);
});
