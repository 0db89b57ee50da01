/** The wasm engine against PyTorch. */
import { assert, assertThrows } from "@std/assert";
import * as tf from "../src/deps/tfjs.ts";
import { EmpSslError } from "../src/common/errors.ts";
import { eagerSubject } from "./eager_subject.ts";
import { testParity } from "./parity.ts";

const subject = await eagerSubject("wasm");

Deno.test("memory that WebAssembly does not have is an error, not memory at 0", () => {
  const { wasm } = tf.backend() as unknown as {
    wasm: { _malloc(bytes: number): number; _free(address: number): void };
  };
  const half = wasm._malloc(2 ** 31);
  assert(half > 0);
  const more = () => wasm._malloc(2 ** 31);
  assertThrows(more, EmpSslError, "2148 MB more are needed");
  wasm._free(half);
});

testParity(subject, "a narrow resnet18-cifar");
testParity(subject, "a narrow resnet18-imagenet");
testParity(subject, "a narrow resnet18-cifar in micro-batches");
