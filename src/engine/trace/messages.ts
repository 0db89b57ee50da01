/**
 * The protocol buffer messages of a TensorFlow graph, with the field numbers of
 * tensorflow/core/framework.
 *
 * @module
 */
import { field, map, protobuf, repeated } from "../../deps/protobuf.ts";

/** TensorFlow's numbers for the element types. */
export const DType = {
  float: 1,
  int32: 3,
  uint8: 4,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  uint16: 17,
  half: 19,
  resource: 20,
} as const;

/** One of {@linkcode DType}'s numbers. */
export type DTypeNumber = typeof DType[keyof typeof DType];

/** A static shape. */
export interface TensorShape {
  /** The sides. */
  dim: { size: number }[];
}

/** The value of an attribute: one field is set. */
export interface AttrValue {
  list?: { i?: number[]; type?: number[] };
  s?: Uint8Array;
  i?: number;
  f?: number;
  b?: boolean;
  type?: number;
  shape?: TensorShape;
  tensor?: {
    dtype: number;
    tensorShape: TensorShape;
    tensorContent: Uint8Array;
  };
}

/** A node of a graph. */
export interface NodeDef {
  name: string;
  op: string;
  input: string[];
  /** Where it runs; TensorFlow chooses a device by default. */
  device?: string;
  attr: Record<string, AttrValue>;
}

/** A shape as a message. */
export function shapeMessage(sides: readonly number[]): TensorShape {
  return { dim: sides.map((size) => ({ size })) };
}

/** The messages, which `export/saved_model.ts` extends. */
export const GRAPH_MESSAGES = {
  nested: {
    Dim: { fields: { size: field("int64", 1) } },
    TensorShape: { fields: { dim: repeated("Dim", 2) } },
    Tensor: {
      fields: {
        dtype: field("int32", 1),
        tensorShape: field("TensorShape", 2),
        tensorContent: field("bytes", 4),
      },
    },
    ListValue: {
      fields: { i: repeated("int64", 3), type: repeated("int32", 6) },
    },
    AttrValue: {
      fields: {
        list: field("ListValue", 1),
        s: field("bytes", 2),
        i: field("int64", 3),
        f: field("float", 4),
        b: field("bool", 5),
        type: field("int32", 6),
        shape: field("TensorShape", 7),
        tensor: field("Tensor", 8),
      },
      // A member of a oneof is written even if it has its default value.
      oneofs: {
        value: {
          oneof: ["list", "s", "i", "f", "b", "type", "shape", "tensor"],
        },
      },
    },
    NodeDef: {
      fields: {
        name: field("string", 1),
        op: field("string", 2),
        input: repeated("string", 3),
        device: field("string", 4),
        attr: map("AttrValue", 5),
      },
    },
    Versions: { fields: { producer: field("int32", 1) } },
    GraphDef: {
      fields: { node: repeated("NodeDef", 1), versions: field("Versions", 4) },
    },
  },
};

const root = protobuf.Root.fromJSON(GRAPH_MESSAGES);

/** The version of GraphDef that TensorFlow 2.21 writes. */
export const GRAPH_VERSION = 1882;

/** A GraphDef as a plain object. */
export const graphOf = (nodes: readonly NodeDef[]) => ({
  node: nodes,
  versions: { producer: GRAPH_VERSION },
});

/** Encodes a GraphDef. */
export function encodeGraphDef(nodes: NodeDef[]): Uint8Array<ArrayBuffer> {
  // A copy: protobufjs returns a view into a larger pool.
  return root.lookupType("GraphDef").encode(graphOf(nodes)).finish().slice();
}
