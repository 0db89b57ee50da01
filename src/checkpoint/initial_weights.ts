/**
 * A run's initial weights: random, or from a file of ours or of another program.
 *
 * @module
 */
import { errorMaker, messageOf } from "../common/errors.ts";
import { allFinite } from "../common/finite.ts";
import { convertLayout, torchShape } from "../model/layout.ts";
import { initialState, type State, type TensorSpec } from "../model/tensors.ts";
import { decodeSafetensors } from "./safetensors.ts";

const weightsError = errorMaker("start from", "INVALID_CHECKPOINT");
const missingError = errorMaker("start from", "NOT_FOUND");
const REMEDY =
  "name a .safetensors file with a ResNet of the same depth: ours, torchvision's or timm's";

/** A parameter of a residual block, with our prefix or without. */
const BLOCK = /^(backbone\.)?layer\d+\./;

type Tensors = ReturnType<typeof decodeSafetensors>["tensors"];

/** Prefixes that programs put before a backbone's parameter names. */
const PREFIXES = [
  "module.",
  "_orig_mod.",
  "model.",
  "encoder.",
  "encoder_q.",
  "base_encoder.",
  "backbone.",
  "resnet.",
  "net.",
  "student.",
  "state_dict.",
];

/**
 * The tensors by the model's names: prefixes such as `module.encoder_q.` are removed
 * until the rest is a name of the model.
 */
function withoutPrefix(tensors: Tensors, specs: TensorSpec[]): Tensors {
  const known = new Set(
    specs.flatMap(({ name }) => [name, name.replace(/^backbone\./, "")]),
  );
  const found: Tensors = new Map();
  for (const [name, tensor] of tensors) {
    let rest = name;
    while (!known.has(rest)) {
      const prefix = PREFIXES.find((p) => rest.startsWith(p));
      if (prefix === undefined) break;
      rest = rest.slice(prefix.length);
    }
    if (!found.has(rest)) found.set(rest, tensor);
  }
  for (const [name, tensor] of [...found]) {
    const attribute = asAttribute(name);
    if (!found.has(attribute)) found.set(attribute, tensor);
  }
  return found;
}

/** torchvision's names of a ResNet's children, by their index in a `Sequential`. */
const CHILDREN: Record<string, string> = {
  0: "conv1",
  1: "bn1",
  4: "layer1",
  5: "layer2",
  6: "layer3",
  7: "layer4",
};

/**
 * `backbone.4.0.conv1.weight` is `backbone.layer1.0.conv1.weight`: lightly's examples
 * train `nn.Sequential(*list(resnet.children())[:-1])`.
 */
function asAttribute(name: string): string {
  return name.replace(
    /^(backbone\.)?(\d)(?=\.)/,
    (all, prefix = "", index) =>
      CHILDREN[index] === undefined ? all : `${prefix}${CHILDREN[index]}`,
  );
}

/** The tensors of a file that a model takes, by the model's names. */
function matchingTensors(path: string, specs: TensorSpec[]): Tensors {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw missingError(path, "there is no such file", REMEDY);
    }
    throw weightsError(path, messageOf(error), REMEDY);
  }
  const { tensors: stored } = decodeSafetensors(bytes, path);
  const tensors = withoutPrefix(stored, specs);
  const matching: Tensors = new Map();
  for (const spec of specs) {
    const found = tensors.get(spec.name) ??
      tensors.get(spec.name.replace(/^backbone\./, ""));
    if (found?.shape.join() === torchShape(spec).join()) {
      matching.set(spec.name, found);
    }
  }
  for (const [tensor, { values }] of matching) {
    if (allFinite(values)) continue;
    throw weightsError(
      path,
      `its tensor ${tensor} has values that are not finite`,
      "name an earlier checkpoint, or another file",
    );
  }
  const blocks = specs.filter(({ name }) => BLOCK.test(name));
  const missing = blocks.find(({ name }) => !matching.has(name));
  if (missing !== undefined) {
    const names = [...stored.keys()].slice(0, 4).join(", ");
    const found = `it has no ${missing.name} of the right shape; its tensors ` +
      `are ${names || "none"}${stored.size > 4 ? ", …" : ""}`;
    throw weightsError(path, found, REMEDY);
  }
  const known = new Set(blocks.map(({ name }) => name));
  const further = [...tensors.keys()].find((name) =>
    BLOCK.test(name) && !name.endsWith(".num_batches_tracked") &&
    !known.has(name.replace(/^(?!backbone\.)/, "backbone."))
  );
  if (further !== undefined) {
    const found = `it has ${further}, which this ResNet does not have`;
    throw weightsError(path, found, REMEDY);
  }
  return matching;
}

/**
 * Reads weights from a file by name: our names, or a ResNet's, without the prefix
 * `backbone.`. Tensors that the file lacks, such as the projector, or has in another
 * shape, such as the stem, are initialised randomly.
 *
 * @throws {EmpSslError} `NOT_FOUND`; `INVALID_CHECKPOINT` if it is no ResNet of this
 * depth.
 */
export function readInitialWeights(
  path: string,
  specs: TensorSpec[],
  seed: number,
): State {
  const tensors = matchingTensors(path, specs);
  const state = initialState(specs, seed);
  for (const spec of specs) {
    const found = tensors.get(spec.name);
    if (found === undefined) continue;
    state.set(spec.name, convertLayout(spec, found.values, "tensorflow"));
  }
  return state;
}

/**
 * Checks the file of a run's initial weights, if it names one, before the engine is
 * loaded.
 *
 * @returns The tensors that it lacks or has in another shape.
 * @throws {EmpSslError} As {@linkcode readInitialWeights}.
 */
export function checkInitialWeights(
  specs: TensorSpec[],
  { init }: { init?: string },
): string[] {
  if (init === undefined) return [];
  const tensors = matchingTensors(init, specs);
  return specs.map(({ name }) => name).filter((name) => !tensors.has(name));
}

/** A run's initial weights. */
export function initialWeights(
  specs: TensorSpec[],
  { init, seed }: { init?: string; seed: number },
): State {
  return init === undefined
    ? initialState(specs, seed)
    : readInitialWeights(init, specs, seed);
}
