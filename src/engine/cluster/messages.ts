/**
 * The protocol buffer messages that set a session or a server up, with the field
 * numbers of tensorflow/core/protobuf (config.proto, cluster.proto,
 * tensorflow_server.proto).
 *
 * @module
 */
import { protobuf } from "../../deps/protobuf.ts";

/** What a session runs on. */
export interface SessionConfig {
  /** Devices by their kind. */
  deviceCount?: Record<string, number>;
  /** Threads of one operation. */
  intraOpParallelismThreads?: number;
  /** Operations at once. */
  interOpParallelismThreads?: number;
  /** The tasks that a session sees. */
  deviceFilters?: string[];
  /** GPU memory as it is needed. */
  gpuOptions?: { allowGrowth: boolean };
  /** An operation without a kernel for its device goes to another. */
  allowSoftPlacement: boolean;
  /** Who numbers the steps of collective operations. */
  experimental?: { collectiveGroupLeader: string; collectiveNccl: boolean };
}

/** A server in its cluster. */
export interface ServerConfig {
  /** Address of each task. */
  addresses: string[];
  /** Which of them this is. */
  task: number;
  /** For its devices. */
  session: SessionConfig;
}

/** The name of the only job. */
export const JOB = "worker";

const field = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: "repeated", type, id });
const map = (keyType: string, type: string, id: number) => ({
  keyType,
  type,
  id,
});

const root = protobuf.Root.fromJSON({
  nested: {
    GPUOptions: { fields: { allowGrowth: field("bool", 4) } },
    Experimental: {
      fields: {
        collectiveGroupLeader: field("string", 1),
        collectiveNccl: field("bool", 7),
      },
    },
    ConfigProto: {
      fields: {
        deviceCount: map("string", "int32", 1),
        intraOpParallelismThreads: field("int32", 2),
        deviceFilters: repeated("string", 4),
        interOpParallelismThreads: field("int32", 5),
        gpuOptions: field("GPUOptions", 6),
        allowSoftPlacement: field("bool", 7),
        experimental: field("Experimental", 16),
      },
    },
    JobDef: {
      fields: {
        name: field("string", 1),
        tasks: map("int32", "string", 2),
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

/** Encodes a ConfigProto. */
export function encodeSessionConfig(config: SessionConfig): Uint8Array {
  return root.lookupType("ConfigProto").encode(config).finish();
}

/** Encodes a ServerDef. */
export function encodeServerConfig(
  { addresses, task, session }: ServerConfig,
): Uint8Array {
  return root.lookupType("ServerDef").encode({
    cluster: { job: [{ name: JOB, tasks: { ...addresses } }] },
    jobName: JOB,
    taskIndex: task,
    defaultSessionConfig: session,
    protocol: "grpc",
  }).finish();
}
