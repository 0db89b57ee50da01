/**
 * How long each kernel of a run took, from TensorFlow's trace: the messages
 * `RunOptions` and `RunMetadata`, with the field numbers of
 * tensorflow/core/protobuf/config.proto and tensorflow/core/framework/step_stats.proto.
 *
 * @module
 */
import { field, protobuf, repeated } from "../src/deps/protobuf.ts";
import type { TensorFlowC } from "../src/engine/tensorflow/c_api.ts";
import { bytesAt } from "../src/engine/tensorflow/tensor.ts";

/** One kernel of a run. */
export interface KernelTime {
  /** The operation: `Conv2D`; for a GPU kernel without one, the kernel's name. */
  op: string;
  /** Seconds on the device. */
  seconds: number;
}

const root = protobuf.Root.fromJSON({
  nested: {
    RunOptions: { fields: { traceLevel: field("int32", 1) } },
    NodeExecStats: {
      fields: {
        nodeName: field("string", 1),
        opStartRelMicros: field("int64", 3),
        opEndRelMicros: field("int64", 4),
        timelineLabel: field("string", 8),
      },
    },
    DeviceStepStats: {
      fields: {
        device: field("string", 1),
        nodeStats: repeated("NodeExecStats", 2),
      },
    },
    StepStats: { fields: { devStats: repeated("DeviceStepStats", 1) } },
    RunMetadata: { fields: { stepStats: field("StepStats", 1) } },
  },
});

/** `RunOptions.FULL_TRACE`: includes the device's kernels. */
const FULL_TRACE = 3;

interface NodeStats {
  nodeName: string;
  opStartRelMicros: number;
  opEndRelMicros: number;
  timelineLabel: string;
}

/**
 * The operation that a label names: on a CPU `node = Conv2D(inputs)`, on a GPU
 * `kernel regs:… block:…@@node:Conv2D#more#`.
 */
function opOf({ nodeName, timelineLabel }: NodeStats): string {
  const [kernel, annotation] = timelineLabel.split("@@") as [string, string?];
  const own = annotation === undefined
    ? / = (\w+)\(/.exec(kernel)
    : /:(\w+)(?:#[^#]*#)?$/.exec(annotation);
  return own?.[1] ?? nodeName;
}

/**
 * The kernels of a run: those of its GPUs if it used any, else the CPU's.
 *
 * @param metadata A serialised `RunMetadata`.
 */
export function kernelTimes(metadata: Uint8Array): KernelTime[] {
  const { stepStats } = root.lookupType("RunMetadata").decode(metadata)
    .toJSON() as {
      stepStats?: {
        devStats?: { device: string; nodeStats?: Partial<NodeStats>[] }[];
      };
    };
  const devices = stepStats?.devStats ?? [];
  const streams = devices.filter(({ device }) =>
    /GPU:\d+\/stream:all$/.test(device)
  );
  const chosen = streams.length > 0 ? streams : devices;
  return chosen.flatMap(({ nodeStats = [] }) =>
    nodeStats.map((stats) => ({
      op: opOf({
        nodeName: "",
        timelineLabel: "",
        opStartRelMicros: 0,
        opEndRelMicros: 0,
        ...stats,
      }),
      seconds: (Number(stats.opEndRelMicros ?? 0) -
        Number(stats.opStartRelMicros ?? 0)) / 1e6,
    }))
  );
}

/** The options and the result buffer of a traced run. */
class RunTrace implements Disposable {
  #c: TensorFlowC;
  /** A buffer with `RunOptions`. */
  readonly options: Deno.PointerValue;
  /** A buffer for `RunMetadata`. */
  readonly metadata: Deno.PointerValue;

  /** Allocates the buffers for one run. */
  constructor(c: TensorFlowC) {
    const options = root.lookupType("RunOptions")
      .encode({ traceLevel: FULL_TRACE }).finish().slice();
    this.#c = c;
    this.options = c.TF_NewBufferFromString(options, BigInt(options.length));
    this.metadata = c.TF_NewBuffer();
  }

  /** The kernels of the run, once it has ended. */
  kernels(): KernelTime[] {
    // `TF_Buffer`: a pointer, and a length.
    const buffer = new Deno.UnsafePointerView(this.metadata!);
    const length = Number(buffer.getBigUint64(8));
    return kernelTimes(bytesAt(buffer.getPointer(), length));
  }

  /** Frees the buffers. */
  [Symbol.dispose](): void {
    this.#c.TF_DeleteBuffer(this.options);
    this.#c.TF_DeleteBuffer(this.metadata);
  }
}

/** Where `TF_SessionRun` takes `RunOptions` and `RunMetadata`. */
const OPTIONS = 1, METADATA = 10;

/**
 * The library with sessions that trace each run, which slows them down.
 *
 * @param onKernels Receives the kernel times of each run.
 */
export function tracing(
  c: TensorFlowC,
  onKernels: (kernels: KernelTime[]) => void,
): TensorFlowC {
  const run: TensorFlowC["TF_SessionRun"] = async (...args) => {
    using trace = new RunTrace(c);
    args[OPTIONS] = trace.options;
    args[METADATA] = trace.metadata;
    await c.TF_SessionRun(...args);
    onKernels(trace.kernels());
  };
  return Object.create(c, { TF_SessionRun: { value: run } });
}
