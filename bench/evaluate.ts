/**
 * Evaluation against PyTorch's: images per second for a bag of 16 and of 128 patches,
 * an epoch of the linear probe over 10,000 features, and kNN of 1,000 others in them.
 *
 * @module
 */
import { architecture } from "../src/model/architectures.ts";
import { batchPatches } from "../src/evaluate/compute_features.ts";
import { startPair } from "./compare.ts";
import type { Measurement } from "./measurement.ts";
import type { BenchOptions } from "./options.ts";

/** See the module's description. */
export async function evaluation(
  options: BenchOptions,
): Promise<Measurement[]> {
  const scripts = { ours: "evaluate.ts", peer: "pytorch_evaluate.py" };
  const { arch, size } = options.setting;
  const rows = batchPatches(architecture(arch).model, size);
  const batch = ["--batch", `${rows}`];
  await using pair = await startPair(options, scripts, batch);
  const found: Measurement[] = [];
  for (const bag of [16, 128]) {
    const name = `evaluation/bag-${bag}`, line = `encode ${bag}`;
    found.push(await pair.ask({ name, line, count: 1, unit: "images/s" }));
  }
  // These do not depend on the setting.
  if (options.setting.name !== "cifar") return found;
  for (const line of ["linear", "knn"]) {
    found.push(await pair.ask({ name: `evaluation/${line}`, line, unit: "s" }));
  }
  return found;
}
