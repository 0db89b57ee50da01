/**
 * The devices that TensorFlow has found.
 *
 * @module
 */
import { type TensorFlowC, textOf } from "./c_api.ts";
import { withStatus } from "./status.ts";

/** A device of this process. */
export interface Device {
  /** TensorFlow's full name: `/job:localhost/replica:0/task:0/device:GPU:0`. */
  name: string;
  /** `CPU` or `GPU`. */
  type: string;
  /** The memory that TensorFlow may use on it, in bytes. */
  memoryBytes: number;
}

/**
 * Reads a list of devices and frees it.
 *
 * @param list The result of `TF_SessionListDevices` or `TFE_ContextListDevices`.
 */
export function readDevices(
  c: TensorFlowC,
  list: Deno.PointerValue,
): Device[] {
  try {
    return Array.from({ length: c.TF_DeviceListCount(list) }, (_, i) => ({
      name: textOf(withStatus(c, (s) => c.TF_DeviceListName(list, i, s))),
      type: textOf(withStatus(c, (s) => c.TF_DeviceListType(list, i, s))),
      memoryBytes: Number(
        withStatus(c, (s) => c.TF_DeviceListMemoryBytes(list, i, s)),
      ),
    }));
  } finally {
    c.TF_DeleteDeviceList(list);
  }
}
