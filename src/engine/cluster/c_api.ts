/**
 * The functions of TensorFlow's C interface that a session over several devices
 * needs: `tensorflow/c/c_api.h` and, for the server, `c_api.h` and
 * `c_api_experimental.h`. Each is declared once.
 *
 * @module
 */
import { EmpSslError } from "../../errors.ts";

const pointer = "pointer", buffer = "buffer", size = "usize", int = "i32";

const SYMBOLS = {
  TF_NewStatus: { parameters: [], result: pointer },
  TF_DeleteStatus: { parameters: [pointer], result: "void" },
  TF_GetCode: { parameters: [pointer], result: int },
  TF_Message: { parameters: [pointer], result: pointer },

  TF_NewServer: { parameters: [buffer, size, pointer], result: pointer },
  TF_ServerStart: { parameters: [pointer, pointer], result: "void" },
  TF_ServerTarget: { parameters: [pointer], result: pointer },

  TF_NewGraph: { parameters: [], result: pointer },
  TF_DeleteGraph: { parameters: [pointer], result: "void" },
  TF_NewBufferFromString: { parameters: [buffer, size], result: pointer },
  TF_DeleteBuffer: { parameters: [pointer], result: "void" },
  TF_NewImportGraphDefOptions: { parameters: [], result: pointer },
  TF_DeleteImportGraphDefOptions: { parameters: [pointer], result: "void" },
  TF_GraphImportGraphDef: {
    parameters: [pointer, pointer, pointer, pointer],
    result: "void",
  },
  TF_GraphOperationByName: { parameters: [pointer, buffer], result: pointer },

  TF_NewSessionOptions: { parameters: [], result: pointer },
  TF_DeleteSessionOptions: { parameters: [pointer], result: "void" },
  TF_SetTarget: { parameters: [pointer, pointer], result: "void" },
  TF_SetConfig: {
    parameters: [pointer, buffer, size, pointer],
    result: "void",
  },
  TF_NewSession: { parameters: [pointer, pointer, pointer], result: pointer },
  TF_CloseSession: { parameters: [pointer, pointer], result: "void" },
  TF_DeleteSession: { parameters: [pointer, pointer], result: "void" },
  TF_SessionListDevices: { parameters: [pointer, pointer], result: pointer },
  TF_DeviceListCount: { parameters: [pointer], result: int },
  TF_DeviceListType: {
    parameters: [pointer, int, pointer],
    result: pointer,
  },
  TF_DeleteDeviceList: { parameters: [pointer], result: "void" },
  /** Off this thread: a run waits for other processes. */
  TF_SessionRun: {
    parameters: [
      ...[pointer, pointer, buffer, buffer, int, buffer, buffer, int],
      ...[buffer, int, pointer, pointer],
    ],
    result: "void",
    nonblocking: true,
  },

  TF_AllocateTensor: { parameters: [int, buffer, int, size], result: pointer },
  TF_DeleteTensor: { parameters: [pointer], result: "void" },
  TF_TensorData: { parameters: [pointer], result: pointer },
  TF_TensorByteSize: { parameters: [pointer], result: size },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions. */
export type TensorFlowC = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Zero-terminated. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/**
 * Opens TensorFlow's library; where it is loaded already, the same instance.
 *
 * @param paths Where it may lie, best first.
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE`.
 */
export function openTensorFlowC(paths: string[]): TensorFlowC {
  const complaints: string[] = [];
  for (const path of paths) {
    try {
      return Deno.dlopen(path, SYMBOLS).symbols;
    } catch (error) {
      complaints.push(`${path}: ${error instanceof Error && error.message}`);
    }
  }
  throw new EmpSslError({
    action: "open",
    subject: "TensorFlow's library for several devices",
    found: complaints.join("; "),
    remedy: "run `deno task setup`, or train without --replicas and --cluster",
    code: "ENGINE_UNAVAILABLE",
  });
}

/** A status of TensorFlow: its code, and what it says. */
export interface Fault {
  /** TensorFlow's number: 14 is «unavailable». */
  code: number;
  /** In one line. */
  message: string;
}

/**
 * Calls a function that leaves a status.
 *
 * @param call Given a fresh status, which is freed afterwards.
 * @param onFault Makes the error to throw.
 */
export async function checked<T>(
  c: TensorFlowC,
  call: (status: Deno.PointerValue) => T | Promise<T>,
  onFault: (fault: Fault) => Error,
): Promise<T> {
  const status = c.TF_NewStatus();
  try {
    const result = await call(status);
    const code = c.TF_GetCode(status);
    if (code === 0) return result;
    const text = Deno.UnsafePointerView.getCString(c.TF_Message(status)!);
    throw onFault({ code, message: text.replace(/\s+/g, " ") });
  } finally {
    c.TF_DeleteStatus(status);
  }
}
