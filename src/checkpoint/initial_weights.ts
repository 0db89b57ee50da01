/**
 * What a run starts from: fresh weights, or weights of another program's file.
 *
 * @module
 */
import { errorMaker, messageOf } from "../errors.ts";
import { convertLayout, torchShape } from "../model/layout.ts";
import {
  initialState,
  type State,
  type TensorSpec,
} from "../model/parameters.ts";
import { decodeSafetensors } from "./safetensors.ts";

const weightsError = errorMaker("start from", "INVALID_CHECKPOINT");
const REMEDY = "name a ResNet-18 of ours, torchvision or timm as .safetensors";

/** What was taken of a file. */
export interface InitialWeights {
  /** All tensors of the model. */
  state: State;
  /** Tensors that the file has not, or in another shape: these are fresh. */
  fresh: string[];
}

/**
 * Reads the weights of a file by their names: ours, or a ResNet's without
 * `backbone.` before them. What the file has not, such as the projector, or has
 * in another shape, such as the stem, is fresh.
 *
 * @throws {EmpSslError} `INVALID_CHECKPOINT` where it is not a ResNet-18.
 */
export function readInitialWeights(
  path: string,
  specs: TensorSpec[],
  seed: number,
): InitialWeights {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    throw weightsError(path, messageOf(error), REMEDY);
  }
  const { tensors } = decodeSafetensors(bytes, path);
  const state = initialState(specs, seed);
  const fresh: string[] = [];
  for (const spec of specs) {
    const found = tensors.get(spec.name) ??
      tensors.get(spec.name.replace(/^backbone\./, ""));
    if (found?.shape.join() === torchShape(spec).join()) {
      state.set(spec.name, convertLayout(spec, found.values, "tensorflow"));
    } else fresh.push(spec.name);
  }
  const blocks = specs.filter(({ name }) => /\.layer\d/.test(name));
  const missing = blocks.find(({ name }) => fresh.includes(name));
  if (missing !== undefined) {
    const found = `it has no ${missing.name} of the right shape`;
    throw weightsError(path, found, REMEDY);
  }
  return { state, fresh };
}

/** The tensors that a run starts from. */
export function initialWeights(
  specs: TensorSpec[],
  { init, seed }: { init?: string; seed: number },
): State {
  return init === undefined
    ? initialState(specs, seed)
    : readInitialWeights(init, specs, seed).state;
}
