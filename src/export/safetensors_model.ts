/**
 * The network as safetensors, for PyTorch. The backbone has the names of
 * torchvision's `resnet18`; with `pre_feature` the names are the authors'.
 *
 * @module
 */
import { convertLayout, torchShape } from "../model/layout.ts";
import { tensorSpecs } from "../model/parameters.ts";
import { safetensorsHeader } from "../train/safetensors.ts";
import { floatBytes, halfBytes } from "./half.ts";
import { type ExportRequest, isInPart } from "./request.ts";

/** The name of a tensor in a part's file. */
export function exportedName(
  name: string,
  part: ExportRequest["part"],
): string {
  return part === "backbone" ? name.replace(/^backbone\./, "") : name;
}

/** Encodes a network; batch norms stay in fp32. */
export function encodeSafetensorsModel(
  { model, state, part, precision }: ExportRequest,
  metadata: Record<string, string>,
): Uint8Array {
  const tensors = tensorSpecs(model)
    .filter(({ name }) => isInPart(name, part))
    .map((spec) => {
      const values = convertLayout(spec, state.get(spec.name)!, "torch");
      const shape = torchShape(spec);
      const half = precision === "fp16" && shape.length > 1;
      return {
        name: exportedName(spec.name, part),
        shape,
        dtype: half ? "F16" as const : "F32" as const,
        bytes: half ? halfBytes(values) : floatBytes(values),
      };
    })
    // Numbers of four bytes first: then each lies where its size divides.
    .sort((a, b) => a.dtype === b.dtype ? 0 : a.dtype === "F32" ? -1 : 1);
  const head = safetensorsHeader(tensors, { format: "pt", ...metadata });
  const size = tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const file = new Uint8Array(head.length + size);
  file.set(head);
  let at = head.length;
  for (const { bytes } of tensors) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}
