/**
 * The few protocol buffer messages of ONNX that a network needs, with the field
 * numbers of onnx/onnx.proto (IR version 8).
 *
 * @module
 */
import { field, protobuf, repeated } from "../deps/protobuf.ts";

/** ONNX's codes of element types. */
export const OnnxType = { float: 1, int64: 7, float16: 10 } as const;

/** A tensor with its values. */
export interface OnnxTensor {
  name: string;
  dims: number[];
  dataType: number;
  rawData: Uint8Array;
}

/** An attribute of a node. */
export interface OnnxAttribute {
  name: string;
  type: number;
  f?: number;
  i?: number;
  ints?: number[];
}

/** A node. */
export interface OnnxNode {
  opType: string;
  name: string;
  input: string[];
  output: string[];
  attribute: OnnxAttribute[];
}

/** An input or output: a dimension is a number, or a name where it is dynamic. */
export interface OnnxValue {
  name: string;
  shape: (number | string)[];
}

/** The contents of a model. */
export interface OnnxGraph {
  nodes: OnnxNode[];
  initializers: OnnxTensor[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  metadata: Record<string, string>;
}

const FLOAT = 1, INT = 2, INTS = 7;
/** Makers of attributes, by the type of the value. */
export const onnxAttribute = {
  f: (name: string, f: number): OnnxAttribute => ({ name, type: FLOAT, f }),
  i: (name: string, i: number): OnnxAttribute => ({ name, type: INT, i }),
  ints: (name: string, ints: number[]): OnnxAttribute => ({
    name,
    type: INTS,
    ints,
  }),
};

const root = protobuf.Root.fromJSON({
  nested: {
    Attribute: {
      fields: {
        name: field("string", 1),
        f: field("float", 2),
        i: field("int64", 3),
        ints: repeated("int64", 8),
        type: field("int32", 20),
      },
      // As a oneof, so that a value of zero is written too.
      oneofs: { value: { oneof: ["f", "i"] } },
    },
    Node: {
      fields: {
        input: repeated("string", 1),
        output: repeated("string", 2),
        name: field("string", 3),
        opType: field("string", 4),
        attribute: repeated("Attribute", 5),
      },
    },
    Tensor: {
      fields: {
        dims: repeated("int64", 1),
        dataType: field("int32", 2),
        name: field("string", 8),
        rawData: field("bytes", 9),
      },
    },
    Dim: {
      fields: { dimValue: field("int64", 1), dimParam: field("string", 2) },
      oneofs: { value: { oneof: ["dimValue", "dimParam"] } },
    },
    Shape: { fields: { dim: repeated("Dim", 1) } },
    TensorType: {
      fields: { elemType: field("int32", 1), shape: field("Shape", 2) },
    },
    Type: { fields: { tensorType: field("TensorType", 1) } },
    ValueInfo: { fields: { name: field("string", 1), type: field("Type", 2) } },
    Graph: {
      fields: {
        node: repeated("Node", 1),
        name: field("string", 2),
        initializer: repeated("Tensor", 5),
        input: repeated("ValueInfo", 11),
        output: repeated("ValueInfo", 12),
      },
    },
    OperatorSet: {
      fields: { domain: field("string", 1), version: field("int64", 2) },
    },
    Property: {
      fields: { key: field("string", 1), value: field("string", 2) },
    },
    Model: {
      fields: {
        irVersion: field("int64", 1),
        producerName: field("string", 2),
        graph: field("Graph", 7),
        opsetImport: repeated("OperatorSet", 8),
        metadataProps: repeated("Property", 14),
      },
    },
  },
});

function valueInfo({ name, shape }: OnnxValue) {
  const dim = shape.map((side) =>
    typeof side === "number" ? { dimValue: side } : { dimParam: side }
  );
  const tensorType = { elemType: OnnxType.float, shape: { dim } };
  return { name, type: { tensorType } };
}

/** Encodes a model of IR version 8 and operator set 17. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  return root.lookupType("Model").encode({
    irVersion: 8,
    producerName: "emp-ssl",
    opsetImport: [{ domain: "", version: 17 }],
    graph: {
      name: "emp-ssl",
      node: graph.nodes,
      initializer: graph.initializers,
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
    },
    metadataProps: Object.entries(graph.metadata)
      .map(([key, value]) => ({ key, value })),
  }).finish();
}
