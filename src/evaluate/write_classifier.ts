/**
 * Writes the linear probe, for programs that classify by the features.
 *
 * @module
 */
import { encodeSafetensors } from "../checkpoint/safetensors.ts";
import { writeAtomically } from "../common/atomic_file.ts";
import { EmpSslError } from "../common/errors.ts";
import type { EvaluateConfig } from "./evaluate_config.ts";
import type { Classifier } from "./linear_probe.ts";
import { checkOutputFile } from "./write_features.ts";

/**
 * Checks before any work that the classifier can be written.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkClassifierOut(
  { classifierOut: path = "", linear }: EvaluateConfig,
): void {
  const refuse = (found: string, remedy: string) => {
    throw new EmpSslError({
      ...{ action: "write the classifier to", subject: path, found, remedy },
      code: "INVALID_ARGUMENT",
    });
  };
  if (!linear) refuse("the linear probe is left out", "leave out --no-linear");
  if (!path.endsWith(".safetensors")) {
    refuse("it is no .safetensors file", "end its name in .safetensors");
  }
  checkOutputFile(path);
}

/** What the features that a classifier takes were computed with. */
interface Input {
  checkpoint: string;
  protocol?: string;
  testPatches: number;
  features?: string;
}

/**
 * Writes `weight` and `bias`, as those of PyTorch's `nn.Linear`.
 *
 * @param names The names of the classes.
 * @param input Is told in the metadata.
 */
export function writeClassifier(
  path: string,
  { weight, bias }: Classifier,
  names: readonly string[],
  { checkpoint, protocol, testPatches, features }: Input,
): void {
  const classes = bias.length, width = weight.length / classes;
  const metadata = {
    format: "pt",
    classes: JSON.stringify(names),
    checkpoint: checkpoint.split("/").at(-1)!,
    features: String(features),
    protocol: String(protocol),
    patches: String(testPatches),
  };
  const tensors = [
    { name: "weight", shape: [classes, width], values: weight },
    { name: "bias", shape: [classes], values: bias },
  ];
  writeAtomically(path, encodeSafetensors(tensors, metadata), {
    remedy: "name another --classifier-out",
  });
}
