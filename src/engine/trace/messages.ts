/**
 * The few protocol buffer messages of TensorFlow that a SavedModel needs, with
 * the field numbers of tensorflow/core/framework and core/protobuf.
 *
 * @module
 */
import { protobuf } from "../../deps/protobuf.ts";

/** TensorFlow's numbers for the element types. */
export const DType = {
  float: 1,
  int32: 3,
  uint8: 4,
  bool: 10,
  bfloat16: 14,
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
  /** Where it runs; TensorFlow decides where it is not given. */
  device?: string;
  attr: Record<string, AttrValue>;
}

/** An input or output of a signature. */
export interface TensorInfo {
  name: string;
  dtype: number;
  tensorShape: TensorShape;
}

/** A named way to run a graph. */
export interface SignatureDef {
  inputs: Record<string, TensorInfo>;
  outputs: Record<string, TensorInfo>;
  methodName: string;
}

const field = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: "repeated", type, id });
const map = (type: string, id: number) => ({ keyType: "string", type, id });

const root = protobuf.Root.fromJSON({
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
      // A member of a oneof is written also where it has its default value.
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
    TensorInfo: {
      fields: {
        name: field("string", 1),
        dtype: field("int32", 2),
        tensorShape: field("TensorShape", 3),
      },
    },
    SignatureDef: {
      fields: {
        inputs: map("TensorInfo", 1),
        outputs: map("TensorInfo", 2),
        methodName: field("string", 3),
      },
    },
    MetaInfo: {
      fields: {
        tags: repeated("string", 4),
        tensorflowVersion: field("string", 5),
      },
    },
    MetaGraph: {
      fields: {
        metaInfoDef: field("MetaInfo", 1),
        graphDef: field("GraphDef", 2),
        signatureDef: map("SignatureDef", 5),
      },
    },
    SavedModel: {
      fields: {
        savedModelSchemaVersion: field("int64", 1),
        metaGraphs: repeated("MetaGraph", 2),
      },
    },
  },
});

/** The version of GraphDef that TensorFlow 2.21 writes. */
export const GRAPH_VERSION = 1882;

const graphOf = (nodes: NodeDef[]) => ({
  node: nodes,
  versions: { producer: GRAPH_VERSION },
});

/** Encodes a graph alone. */
export function encodeGraphDef(nodes: NodeDef[]): Uint8Array {
  return root.lookupType("GraphDef").encode(graphOf(nodes)).finish();
}

/**
 * Encodes a SavedModel of one graph, tagged `serve`.
 *
 * @param nodes The graph.
 * @param signatures How to run it.
 */
export function encodeSavedModel(
  nodes: NodeDef[],
  signatures: Record<string, SignatureDef>,
): Uint8Array {
  return root.lookupType("SavedModel").encode({
    savedModelSchemaVersion: 1,
    metaGraphs: [{
      metaInfoDef: { tags: ["serve"], tensorflowVersion: "2.21.0" },
      graphDef: graphOf(nodes),
      signatureDef: signatures,
    }],
  }).finish();
}
