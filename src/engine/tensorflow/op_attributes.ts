/**
 * The attributes of an eager operation, as tfjs-node-gpu's kernels pass them.
 *
 * @module
 */
import type { OpAttr } from "../../deps/tfjs_node.ts";
import { bytesOf } from "../../common/files.ts";
import { cString, type TensorFlowC } from "./c_api.ts";

/** The package's numbers for the kinds of attributes. */
export const ATTRIBUTES = {
  TF_ATTR_STRING: 0,
  TF_ATTR_INT: 1,
  TF_ATTR_FLOAT: 2,
  TF_ATTR_BOOL: 3,
  TF_ATTR_TYPE: 4,
  TF_ATTR_SHAPE: 5,
  TF_ATTR_RESOURCE: 6,
} as const;

const names = new Map<string, Uint8Array<ArrayBuffer>>();
/** The name of an operation or an attribute as a C string; encoded once. */
export function nameBytes(name: string): Uint8Array<ArrayBuffer> {
  let bytes = names.get(name);
  if (bytes === undefined) names.set(name, bytes = cString(name));
  return bytes;
}

/** Sets an attribute of an operation. */
export function setAttribute(
  c: TensorFlowC,
  op: Deno.PointerValue,
  { name, type, value }: OpAttr,
  status: Deno.PointerValue,
): void {
  const key = nameBytes(name);
  switch (type) {
    case ATTRIBUTES.TF_ATTR_STRING: {
      const bytes = new TextEncoder().encode(value as string);
      return c.TFE_OpSetAttrString(op, key, bytes, BigInt(bytes.length));
    }
    case ATTRIBUTES.TF_ATTR_INT:
      if (!Array.isArray(value)) {
        return c.TFE_OpSetAttrInt(op, key, BigInt(value as number));
      }
      return c.TFE_OpSetAttrIntList(
        op,
        key,
        bytesOf(BigInt64Array.from(value as number[], BigInt)),
        value.length,
      );
    case ATTRIBUTES.TF_ATTR_FLOAT:
      if (!Array.isArray(value)) {
        return c.TFE_OpSetAttrFloat(op, key, value as number);
      }
      return c.TFE_OpSetAttrFloatList(
        op,
        key,
        bytesOf(Float32Array.from(value as number[])),
        value.length,
      );
    case ATTRIBUTES.TF_ATTR_BOOL:
      if (!Array.isArray(value)) {
        return c.TFE_OpSetAttrBool(op, key, value ? 1 : 0);
      }
      return c.TFE_OpSetAttrBoolList(
        op,
        key,
        Uint8Array.from(value as boolean[], Number),
        value.length,
      );
    case ATTRIBUTES.TF_ATTR_TYPE:
      return c.TFE_OpSetAttrType(op, key, value as number);
    case ATTRIBUTES.TF_ATTR_SHAPE: {
      const sides = BigInt64Array.from(value as number[], BigInt);
      const bytes = bytesOf(sides);
      return c.TFE_OpSetAttrShape(op, key, bytes, sides.length, status);
    }
    default:
      throw new Error(`attribute ${name} is of an unknown kind, ${type}`);
  }
}
