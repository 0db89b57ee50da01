/**
 * A TensorFlow SavedModel: a graph and its signature, with the field numbers
 * of tensorflow/core/protobuf (saved_model.proto, meta_graph.proto).
 *
 * @module
 */
import { field, map, protobuf, repeated } from "../deps/protobuf.ts";
import { TENSORFLOW_VERSION } from "../engine/setup/wheels.ts";
import type { GraphValue } from "../engine/trace/graph.ts";
import {
  GRAPH_MESSAGES,
  graphOf,
  shapeMessage,
} from "../engine/trace/messages.ts";
import { traceFrozen } from "./frozen_graph.ts";
import type { ExportRequest } from "./request.ts";

/** The name of the default signature, and the tag. */
const SIGNATURE = "serving_default", TAG = "serve";

const root = protobuf.Root.fromJSON({
  nested: {
    ...GRAPH_MESSAGES.nested,
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

const tensorInfo = ({ name, dtype, shape }: GraphValue) => ({
  name: `${name}:0`,
  dtype,
  tensorShape: shapeMessage(shape),
});

/**
 * Encodes a network as `saved_model.pb`, with its weights in the graph.
 *
 * @param request The network, and how to export it: its input and its output are
 * those of {@linkcode traceFrozen}.
 */
export function encodeSavedModel(request: ExportRequest): Uint8Array {
  const { graph, input, output } = traceFrozen(request);
  return root.lookupType("SavedModel").encode({
    savedModelSchemaVersion: 1,
    metaGraphs: [{
      metaInfoDef: { tags: [TAG], tensorflowVersion: TENSORFLOW_VERSION },
      graphDef: graphOf(graph.nodes),
      signatureDef: {
        [SIGNATURE]: {
          inputs: { [input.name]: tensorInfo(input) },
          outputs: { [output.name]: tensorInfo(output) },
          methodName: "tensorflow/serving/predict",
        },
      },
    }],
  }).finish();
}
