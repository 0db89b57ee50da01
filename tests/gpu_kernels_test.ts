/**
 * Whether a GPU can run every operation of our graphs, by TensorFlow's own kernel
 * registry: fixtures/make_gpu_kernels.ts has read it from the GPU variant's library.
 */
import { assert, assertEquals } from "@std/assert";
import golden from "../fixtures/gpu_kernels.json" with { type: "json" };
import type { NodeDef } from "../src/engine/trace/messages.ts";
import { traceStep } from "../src/engine/trace/step_graph.ts";
import { METHODS } from "../src/model/methods/methods.ts";
import { modelOf } from "../src/model/model_of.ts";
import { TENSORFLOW_VERSION } from "../src/engine/setup/wheels.ts";
import { gpuGraphs } from "./gpu_graphs.ts";

const KERNELS: Record<string, Record<string, number[]>[]> = golden.kernels;

/** Whether there is a GPU kernel for the types of a node. */
function hasKernel({ op, attr }: Pick<NodeDef, "op" | "attr">): boolean {
  return (KERNELS[op] ?? []).some((constraints) =>
    Object.entries(constraints).every(([name, allowed]) =>
      allowed!.includes(attr[name]?.type ?? -1)
    )
  );
}

/** The distinct operations without a GPU kernel, except those placed on the CPU. */
function without(nodes: readonly NodeDef[]): string[] {
  const missing = nodes.filter((node) =>
    !node.device?.includes("CPU") && !hasKernel(node)
  );
  const named = missing.map(({ op, attr }) => {
    const types = Object.entries(attr).flatMap(([name, { type }]) =>
      type === undefined ? [] : [`${name} ${type}`]
    );
    return `${op} (${types.join(", ")})`;
  });
  return [...new Set(named)];
}

Deno.test("the list of kernels is of the TensorFlow that is set up", () => {
  assertEquals(golden.version, TENSORFLOW_VERSION);
  // Conv2D has a GPU kernel for fp32 and bf16, but not for strings.
  const ofType = (type: number) => ({ op: "Conv2D", attr: { T: { type } } });
  assertEquals([1, 14, 7].map((type) => hasKernel(ofType(type))), [
    true,
    true,
    false,
  ]);
});

Deno.test("the constants of a graph do not grow with the square of the batch", () => {
  const model = modelOf({
    ...{ arch: "resnet18-cifar", method: "simclr" },
    model: { width: 8, hidden: 32, embedding: 16 },
  });
  const options = {
    ...{ images: 1024, patches: 2, patchSize: 16, model },
    loss: { patchSim: 200, tcr: 1, eps: 0.2 },
    optimizer: METHODS.simclr.defaults(false).optimizer,
  };
  const settings = { precision: "fp32", winograd: false } as const;
  const { length } = traceStep(options, settings).graphDef();
  assert(length < 2e6, `${length} bytes`);
});

Deno.test("every operation of every graph has a GPU kernel", async (t) => {
  let count = 0;
  for (const [name, nodes] of gpuGraphs()) {
    count++;
    await t.step(`${name}: ${nodes.length} operations`, () => {
      assert(nodes.length > 100);
      assertEquals(without(nodes), []);
    });
  }
  // 9 architectures × 2 precisions × 6 graphs, 5 methods × 2 precisions × 2 graphs.
  assertEquals(count, 128);
});
