/** What is said where TensorFlow with CUDA finds no GPU. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { cudaLibraries, whyNoGpu } from "../src/engine/tensorflow/cuda.ts";

const NOWHERE = "/nowhere/tensorflow/libtensorflow_cc.so.2";

Deno.test("each library of CUDA that cannot be loaded is named, with why", () => {
  const [driver, ...others] = cudaLibraries(NOWHERE);
  assertEquals(driver.file, "libcuda.so.1");
  assertEquals(others.length, 7);
  for (const { file, fault } of others) {
    assert(file.startsWith("/nowhere/nvidia/"), file);
    assertStringIncludes(fault!, "cannot open shared object file");
  }
  // Where there is a driver, it tells its version.
  if (driver.fault === undefined) assert(/^\d+\.\d+$/.test(driver.version!));
});

Deno.test("the warning names the first library that is missing", () => {
  const [driver] = cudaLibraries(NOWHERE);
  const missing = driver.fault ? "driver" : "CUDA runtime";
  assertStringIncludes(whyNoGpu(NOWHERE), `: ${missing} cannot be loaded: `);
});
