/**
 * TensorFlow's C library: every function that this project calls, declared
 * once, after the headers `tensorflow/c/c_api.h`, `c_api_experimental.h`,
 * `tf_status.h`, `tf_tensor.h`, `tf_tstring.h` and `tensorflow/c/eager/c_api.h`.
 *
 * @module
 */
import { EmpSslError, messageOf } from "../../common/errors.ts";

const pointer = "pointer", buffer = "buffer", size = "usize", int = "i32";
const nothing = "void";

/** Status: how a call ended. */
const STATUS = {
  TF_Version: { parameters: [], result: pointer },
  TF_NewStatus: { parameters: [], result: pointer },
  TF_DeleteStatus: { parameters: [pointer], result: nothing },
  TF_GetCode: { parameters: [pointer], result: int },
  TF_Message: { parameters: [pointer], result: pointer },
} as const;

/** Tensors and the strings in them. */
const TENSOR = {
  TF_AllocateTensor: { parameters: [int, buffer, int, size], result: pointer },
  TF_NewTensor: {
    parameters: [int, buffer, int, pointer, size, pointer, pointer],
    result: pointer,
  },
  TF_DeleteTensor: { parameters: [pointer], result: nothing },
  TF_TensorType: { parameters: [pointer], result: int },
  TF_TensorData: { parameters: [pointer], result: pointer },
  TF_TensorByteSize: { parameters: [pointer], result: size },
  TF_StringInit: { parameters: [pointer], result: nothing },
  TF_StringCopy: { parameters: [pointer, buffer, size], result: nothing },
  TF_StringGetDataPointer: { parameters: [pointer], result: pointer },
  TF_StringGetSize: { parameters: [pointer], result: size },
  TF_StringDealloc: { parameters: [pointer], result: nothing },
} as const;

/**
 * A deallocator that does nothing, for a tensor over an array's memory, which the
 * garbage collector frees. `TF_Version` serves: a C function without parameters
 * ignores the arguments that it is called with.
 */
const NO_DEALLOCATION = {
  noDeallocation: { name: "TF_Version", type: pointer },
} as const;

/** Lists of devices. */
const DEVICES = {
  TF_DeviceListCount: { parameters: [pointer], result: int },
  TF_DeviceListName: { parameters: [pointer, int, pointer], result: pointer },
  TF_DeviceListType: { parameters: [pointer, int, pointer], result: pointer },
  TF_DeviceListMemoryBytes: {
    parameters: [pointer, int, pointer],
    result: "i64",
  },
  TF_DeleteDeviceList: { parameters: [pointer], result: nothing },
} as const;

/** Graphs and the sessions that run them. */
const SESSION = {
  TF_NewGraph: { parameters: [], result: pointer },
  TF_DeleteGraph: { parameters: [pointer], result: nothing },
  TF_NewBuffer: { parameters: [], result: pointer },
  TF_NewBufferFromString: { parameters: [buffer, size], result: pointer },
  TF_DeleteBuffer: { parameters: [pointer], result: nothing },
  TF_NewImportGraphDefOptions: { parameters: [], result: pointer },
  TF_DeleteImportGraphDefOptions: { parameters: [pointer], result: nothing },
  TF_GraphImportGraphDef: {
    parameters: [pointer, pointer, pointer, pointer],
    result: nothing,
  },
  TF_GraphOperationByName: { parameters: [pointer, buffer], result: pointer },
  TF_NewSessionOptions: { parameters: [], result: pointer },
  TF_DeleteSessionOptions: { parameters: [pointer], result: nothing },
  // The call copies the target.
  TF_SetTarget: { parameters: [pointer, buffer], result: nothing },
  TF_SetConfig: {
    parameters: [pointer, buffer, size, pointer],
    result: nothing,
  },
  TF_NewSession: { parameters: [pointer, pointer, pointer], result: pointer },
  TF_LoadSessionFromSavedModel: {
    parameters: [
      ...[pointer, pointer, buffer, buffer, int],
      ...[pointer, pointer, pointer],
    ],
    result: pointer,
  },
  TF_CloseSession: { parameters: [pointer, pointer], result: nothing },
  TF_DeleteSession: { parameters: [pointer, pointer], result: nothing },
  TF_SessionListDevices: { parameters: [pointer, pointer], result: pointer },
  // Runs on another thread, so that this one is not blocked while a graph runs.
  TF_SessionRun: {
    parameters: [
      ...[pointer, pointer, buffer, buffer, int, buffer, buffer, int],
      ...[buffer, int, pointer, pointer],
    ],
    result: nothing,
    nonblocking: true,
  },
} as const;

/** The server for the other processes of a cluster. */
const SERVER = {
  TF_NewServer: { parameters: [buffer, size, pointer], result: pointer },
  TF_ServerStart: { parameters: [pointer, pointer], result: nothing },
  TF_ServerTarget: { parameters: [pointer], result: pointer },
} as const;

/** Eager operations, for tfjs-node-gpu's backend. */
const EAGER = {
  TFE_NewContextOptions: { parameters: [], result: pointer },
  TFE_DeleteContextOptions: { parameters: [pointer], result: nothing },
  TFE_ContextOptionsSetConfig: {
    parameters: [pointer, buffer, size, pointer],
    result: nothing,
  },
  TFE_NewContext: { parameters: [pointer, pointer], result: pointer },
  TFE_DeleteContext: { parameters: [pointer], result: nothing },
  TFE_ContextListDevices: { parameters: [pointer, pointer], result: pointer },
  TFE_NewTensorHandle: { parameters: [pointer, pointer], result: pointer },
  TFE_DeleteTensorHandle: { parameters: [pointer], result: nothing },
  TFE_TensorHandleCopyToDevice: {
    parameters: [pointer, pointer, buffer, pointer],
    result: pointer,
  },
  TFE_TensorHandleResolve: { parameters: [pointer, pointer], result: pointer },
  TFE_TensorHandleDataType: { parameters: [pointer], result: int },
  TFE_TensorHandleNumDims: { parameters: [pointer, pointer], result: int },
  TFE_TensorHandleDim: {
    parameters: [pointer, int, pointer],
    result: "i64",
  },
  TFE_NewOp: { parameters: [pointer, buffer, pointer], result: pointer },
  TFE_DeleteOp: { parameters: [pointer], result: nothing },
  TFE_OpAddInput: {
    parameters: [pointer, pointer, pointer],
    result: nothing,
  },
  TFE_OpSetAttrString: {
    parameters: [pointer, buffer, buffer, size],
    result: nothing,
  },
  TFE_OpSetAttrInt: { parameters: [pointer, buffer, "i64"], result: nothing },
  TFE_OpSetAttrIntList: {
    parameters: [pointer, buffer, buffer, int],
    result: nothing,
  },
  TFE_OpSetAttrFloat: {
    parameters: [pointer, buffer, "f32"],
    result: nothing,
  },
  TFE_OpSetAttrFloatList: {
    parameters: [pointer, buffer, buffer, int],
    result: nothing,
  },
  TFE_OpSetAttrBool: { parameters: [pointer, buffer, "u8"], result: nothing },
  TFE_OpSetAttrBoolList: {
    parameters: [pointer, buffer, buffer, int],
    result: nothing,
  },
  TFE_OpSetAttrType: { parameters: [pointer, buffer, int], result: nothing },
  TFE_OpSetAttrShape: {
    parameters: [pointer, buffer, buffer, int, pointer],
    result: nothing,
  },
  TFE_Execute: {
    parameters: [pointer, buffer, buffer, pointer],
    result: nothing,
  },
} as const;

const SYMBOLS = {
  ...STATUS,
  ...TENSOR,
  ...NO_DEALLOCATION,
  ...DEVICES,
  ...SESSION,
  ...SERVER,
  ...EAGER,
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of the library. */
export type TensorFlowC = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** The names of all functions that are declared here. */
export const C_FUNCTIONS: readonly string[] = Object.keys(SYMBOLS)
  .filter((name) => name.startsWith("TF"));

/**
 * Opens the library; in one process, and with it all threads, it is loaded once.
 *
 * @param path `libtensorflow_cc.so.2` or its counterpart on macOS.
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE` with the loader's message: a missing
 * file, a missing function, or a missing library that it depends on.
 */
export function openTensorFlow(path: string): TensorFlowC {
  try {
    return Deno.dlopen(path, SYMBOLS).symbols;
  } catch (error) {
    throw new EmpSslError({
      action: "load",
      subject: path,
      found: messageOf(error),
      // A set-up only tests whether the file exists.
      remedy: error instanceof Deno.errors.NotCapable
        ? "it is needed for TensorFlow"
        : "delete it and run `deno task setup`",
      code: "ENGINE_UNAVAILABLE",
      cause: error,
    });
  }
}

const encoder = new TextEncoder();

/** A zero-terminated string, to pass to C. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** A string that C returns; empty for a null pointer. */
export function textOf(string: Deno.PointerValue): string {
  return string === null ? "" : Deno.UnsafePointerView.getCString(string);
}

/** The library's version: `2.21.0`. */
export function versionOf(c: TensorFlowC): string {
  return textOf(c.TF_Version());
}
