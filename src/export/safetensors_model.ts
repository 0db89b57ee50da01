/**
 * The network as safetensors, for PyTorch. The backbone alone has the names of
 * torchvision's ResNets; with the hidden layer, EMP-SSL's names are the authors'.
 *
 * @module
 */
import { concatBytes } from "../common/files.ts";
import { convertLayout, torchShape } from "../model/layout.ts";
import { tensorSpecs } from "../model/parameters.ts";
import { safetensorsHeader } from "../checkpoint/safetensors.ts";
import { keptBytes } from "./half.ts";
import { type ExportRequest, isInPart } from "./request.ts";

/** The name of a tensor in the file of a part. */
export function exportedName(
  name: string,
  part: ExportRequest["part"],
): string {
  return part === "backbone" ? name.replace(/^backbone\./, "") : name;
}

/** Encodes a network; batch norms and biases stay in fp32. */
export function encodeSafetensorsModel(
  request: ExportRequest,
  metadata: Record<string, string>,
): Uint8Array {
  const { model, state, part, precision } = request;
  const tensors = tensorSpecs(model)
    .filter(({ name }) => isInPart(name, request))
    .map((spec) => {
      const values = convertLayout(spec, state.get(spec.name)!, "torch");
      const shape = torchShape(spec);
      const { half, bytes } = keptBytes(values, shape, precision);
      return {
        name: exportedName(spec.name, part),
        shape,
        dtype: half ? "F16" as const : "F32" as const,
        bytes,
      };
    })
    // fp32 first, so that each tensor is aligned to the size of its elements.
    .sort((a, b) => a.dtype === b.dtype ? 0 : a.dtype === "F32" ? -1 : 1);
  const head = safetensorsHeader(tensors, { format: "pt", ...metadata });
  return concatBytes([head, ...tensors.map(({ bytes }) => bytes)]);
}
