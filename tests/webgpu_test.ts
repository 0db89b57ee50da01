/**
 * The webgpu engine against PyTorch, in a separate process: TensorFlow and a Vulkan
 * driver may each contain an LLVM, and these conflict in one process.
 */
import { assert } from "@std/assert";

const hasAdapter = await hasVulkan();

/** Whether there is a WebGPU adapter; checked in a separate process too. */
async function hasVulkan(): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "Deno.exit(await navigator.gpu?.requestAdapter() ? 0 : 1)",
    ],
    stderr: "null",
  }).output();
  return success;
}

Deno.test({
  name: "the webgpu engine gives PyTorch's numbers" +
    (hasAdapter ? "" : " (skipped: Deno finds no GPU and no Vulkan driver)"),
  ignore: !hasAdapter,
  fn: async () => {
    const { stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: [
          ...["test", "--no-check", "--allow-read", "--allow-env"],
          ...["--allow-sys", "--allow-ffi"],
          new URL("isolated/webgpu.ts", import.meta.url).pathname,
        ],
        env: { NO_COLOR: "1" },
      },
    ).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    // The summary line counts, not the exit code: a driver that computes on the CPU
    // (llvmpipe) sometimes frees memory twice after all tests have been reported.
    const summary = /^ok \| 3 passed .*\| 0 failed/m;
    assert(summary.test(text(stdout)), text(stdout) + text(stderr));
  },
});
