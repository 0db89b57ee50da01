/**
 * How TensorFlow uses this machine: devices, threads, memory, XLA, placement.
 * One typed configuration serves sessions, servers and the eager context. It is
 * encoded as TensorFlow's `ConfigProto` and `ServerDef`, with the field numbers
 * of tensorflow/core/protobuf (config.proto, rewriter_config.proto,
 * cluster.proto, tensorflow_server.proto).
 *
 * @module
 */
import { field, map, protobuf, repeated } from "../../deps/protobuf.ts";

/** See the module's description. */
export interface SessionConfig {
  /** Devices of a kind, such as `{ CPU: 2 }`; all available ones by default. */
  deviceCount?: Record<string, number>;
  /** Threads of one operation; 0 means one for each core. */
  intraOpThreads?: number;
  /** Operations that run at the same time; 0 lets TensorFlow choose. */
  interOpThreads?: number;
  /** Allocates GPU memory as it is needed, not all at the start. */
  allowMemoryGrowth?: boolean;
  /** XLA compiles the parts of the graph that it supports. */
  xla?: boolean;
  /** An operation without a kernel for its device runs on another. */
  allowSoftPlacement?: boolean;
  /** The tasks of a cluster that are visible to a session. */
  deviceFilters?: string[];
  /** The task that numbers the steps of collective operations. */
  collectiveGroupLeader?: string;
  /** Collective operations between GPUs use NCCL. */
  collectiveNccl?: boolean;
}

/** A server in its cluster. */
export interface ServerConfig {
  /** `host:port` of each task. */
  addresses: string[];
  /** The index of this task. */
  task: number;
  /** The configuration of its devices. */
  session: SessionConfig;
}

/** The name of the only job of a cluster. */
export const JOB = "worker";

/** `OptimizerOptions.GlobalJitLevel`: as set in `TF_XLA_FLAGS`, and `ON_2`. */
const XLA_DEFAULT = 0, XLA_ON = 2;

const root = protobuf.Root.fromJSON({
  nested: {
    GPUOptions: { fields: { allowGrowth: field("bool", 4) } },
    OptimizerOptions: { fields: { globalJitLevel: field("int32", 5) } },
    GraphOptions: {
      fields: { optimizerOptions: field("OptimizerOptions", 3) },
    },
    Experimental: {
      fields: {
        collectiveGroupLeader: field("string", 1),
        collectiveNccl: field("bool", 7),
      },
    },
    ConfigProto: {
      fields: {
        deviceCount: map("int32", 1),
        intraOpParallelismThreads: field("int32", 2),
        deviceFilters: repeated("string", 4),
        interOpParallelismThreads: field("int32", 5),
        gpuOptions: field("GPUOptions", 6),
        allowSoftPlacement: field("bool", 7),
        graphOptions: field("GraphOptions", 10),
        experimental: field("Experimental", 16),
      },
    },
    JobDef: {
      fields: {
        name: field("string", 1),
        tasks: map("string", 2, "int32"),
      },
    },
    ClusterDef: { fields: { job: repeated("JobDef", 1) } },
    ServerDef: {
      fields: {
        cluster: field("ClusterDef", 1),
        jobName: field("string", 2),
        taskIndex: field("int32", 3),
        defaultSessionConfig: field("ConfigProto", 4),
        protocol: field("string", 5),
      },
    },
  },
});

/** How the sessions of an engine run. */
export function engineConfig(
  { threads, gpu, xla }: { threads?: number; gpu: boolean; xla?: boolean },
): SessionConfig {
  return {
    intraOpThreads: threads ?? 0,
    // On a CPU, one operation at a time, on all threads, is as fast as several and
    // needs less memory. The threads of GPU operations only wait for the GPU.
    interOpThreads: gpu ? 0 : 1,
    allowMemoryGrowth: true,
    allowSoftPlacement: true,
    xla,
  };
}

function configProto(config: SessionConfig) {
  const { collectiveGroupLeader, collectiveNccl } = config;
  return {
    deviceCount: config.deviceCount ?? {},
    intraOpParallelismThreads: config.intraOpThreads ?? 0,
    interOpParallelismThreads: config.interOpThreads ?? 0,
    deviceFilters: config.deviceFilters ?? [],
    gpuOptions: { allowGrowth: config.allowMemoryGrowth ?? false },
    allowSoftPlacement: config.allowSoftPlacement ?? false,
    graphOptions: {
      optimizerOptions: { globalJitLevel: config.xla ? XLA_ON : XLA_DEFAULT },
    },
    experimental: { collectiveGroupLeader, collectiveNccl },
  };
}

function encode(message: string, value: object): Uint8Array<ArrayBuffer> {
  // A copy: protobufjs returns a view into a larger pool.
  return root.lookupType(message).encode(value).finish().slice();
}

/** Encodes a ConfigProto. */
export function encodeSessionConfig(
  config: SessionConfig,
): Uint8Array<ArrayBuffer> {
  return encode("ConfigProto", configProto(config));
}

/** Encodes a ServerDef. */
export function encodeServerConfig(
  { addresses, task, session }: ServerConfig,
): Uint8Array<ArrayBuffer> {
  return encode("ServerDef", {
    cluster: { job: [{ name: JOB, tasks: { ...addresses } }] },
    jobName: JOB,
    taskIndex: task,
    defaultSessionConfig: configProto(session),
    protocol: "grpc",
  });
}
