/**
 * The processes that train together: their addresses and numbers.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { rendezvousAddress, splitAddress } from "../common/address.ts";
import { EmpSslError, messageOf } from "../common/errors.ts";
import { flagError } from "../common/flag_error.ts";

/** The addresses of all processes, and this one's number. */
export interface Membership {
  /** `host:port` of each process, by number. */
  addresses: string[];
  /** This process's number; process 0 writes the run's folder. */
  task: number;
}

const ADDRESS = /^([\w.-]+):(\d{1,5})$/;

/**
 * Rejects invalid or duplicate addresses, and a number that is out of range or, with
 * several processes, missing.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkMembership(
  { addresses, task }: { addresses: string[]; task?: number },
): void {
  for (const address of addresses) {
    const port = Number(ADDRESS.exec(address)?.[2]);
    if (!(port >= 1 && port <= 65535)) {
      throw flagError(
        `--cluster ${addresses}`,
        `${address || "an empty entry"} is not a valid address`,
        "give host:port of each process, joined by commas",
      );
    }
  }
  if (new Set(addresses).size < addresses.length) {
    throw flagError(
      `--cluster ${addresses}`,
      "two processes have the same address",
      "give each its own port",
    );
  }
  if (addresses.length === 0) {
    throw flagError(
      "--cluster",
      "it is empty",
      "leave it out, or name processes",
    );
  }
  const { hostname, port } = rendezvousAddress(addresses[0]!);
  if (addresses.includes(`${hostname}:${port}`)) {
    throw flagError(
      `--cluster ${addresses}`,
      `process 0 listens for the others on ${hostname}:${port}, too`,
      "give another port in its place",
    );
  }
  if (task === undefined) {
    if (addresses.length < 2) return;
    throw flagError(
      `--cluster ${addresses}`,
      "it does not say which of the processes this is",
      "give --task, this process's place in --cluster",
    );
  }
  if (!Number.isInteger(task) || task < 0 || task >= addresses.length) {
    throw flagError(
      `--task ${task}`,
      `the cluster has the processes 0 to ${addresses.length - 1}`,
      "give this process's place in --cluster",
    );
  }
}

const isLoopback = (host: string) => /^(localhost|127\..*)$/.test(host);

/**
 * Rejects an own host name that resolves to the loopback address on this machine, as
 * Debian configures it: other machines could not reach it.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export async function checkOwnName(
  { addresses, task }: Membership,
): Promise<void> {
  const hosts = addresses.map((address) => splitAddress(address).hostname);
  const own = hosts[task]!;
  // Where all are on this machine, its name may mean the loopback address.
  if (isLoopback(own) || hosts.every((h) => h === own || isLoopback(h))) return;
  const { address } = await lookup(own, { family: 4 })
    .catch(() => ({ address: "" }));
  if (!isLoopback(address)) return;
  throw flagError(
    `--cluster ${addresses}`,
    `${own} resolves to ${address} here, which other machines cannot reach`,
    "give the IP address instead of the name",
  );
}

/** The content of TensorFlow's `TF_CONFIG`. */
interface TfConfig {
  cluster?: { worker?: string[]; chief?: string[] };
  task?: { type?: string; index?: number };
}

/** The addresses of one kind of processes. */
function addressesOf(
  cluster: TfConfig["cluster"],
  type: "worker" | "chief",
): string[] {
  const found: unknown = cluster?.[type] ?? [];
  if (Array.isArray(found) && found.every((one) => typeof one === "string")) {
    return found;
  }
  throw new Error(`its ${type} is no list of addresses`);
}

/**
 * The processes in `TF_CONFIG`; the chief, if there is one, is number 0.
 *
 * @returns Undefined where it names a single one.
 */
function fromTfConfig(text: string): Membership | undefined {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new Error("it is no object");
  }
  const { cluster, task } = parsed as TfConfig;
  const chief = addressesOf(cluster, "chief");
  const workers = addressesOf(cluster, "worker");
  const { type = "worker", index } = task ?? {};
  if (type !== "worker" && type !== "chief") {
    throw new Error(`its task type is ${type}, which does not train`);
  }
  if (chief.length + workers.length < 2) return undefined;
  const { length } = type === "chief" ? chief : workers;
  if (
    index === undefined || !Number.isInteger(index) || index < 0 ||
    index >= length
  ) {
    const found = JSON.stringify(index) ?? "missing";
    throw new Error(
      `its task index is ${found}, and there are ${length} of type ${type}`,
    );
  }
  return {
    addresses: [...chief, ...workers],
    task: type === "chief" ? index : chief.length + index,
  };
}

/** `node[1-3,07],rack[1-2]n[1-4]` → each name. */
export function expandHosts(list: string): string[] {
  const parts = list.match(/(?:[^,[\]]|\[[^\]]*\])+/g) ?? [];
  return parts.flatMap(expandHost);
}

function expandHost(part: string): string[] {
  const found = /^([^[]*)\[([^\]]*)\](.*)$/.exec(part);
  if (found === null) return [part];
  const [, before = "", ranges = "", after = ""] = found;
  const rest = expandHost(after);
  return ranges.split(",").flatMap((range) => {
    const [from = "", to = from] = range.split("-");
    const numbers = Array.from(
      { length: Number(to) - Number(from) + 1 },
      (_, i) => `${Number(from) + i}`.padStart(from.length, "0"),
    );
    return numbers.flatMap((number) =>
      rest.map((end) => before + number + end)
    );
  });
}

/** `2(x3),1` → 2, 2, 2, 1. */
function expandCounts(list: string): number[] {
  return list.split(",").flatMap((part) => {
    const [, count, times = "1"] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    return Array(Number(times)).fill(Number(count));
  });
}

/** The port of the first process on each machine: Slurm assigns none. */
const SLURM_PORT = 8470;

/** The processes of a Slurm step, in the order of its block distribution. */
function fromSlurm(get: (name: string) => string | undefined): Membership {
  const hosts = expandHosts(get("SLURM_STEP_NODELIST") ?? "");
  const counts = expandCounts(get("SLURM_STEP_TASKS_PER_NODE") ?? "1");
  const addresses = hosts.flatMap((host, i) =>
    Array.from(
      { length: counts[i] ?? 1 },
      (_, n) => `${host}:${SLURM_PORT + n}`,
    )
  );
  const number = get("SLURM_PROCID") || "missing", task = Number(number);
  if (Number.isInteger(task)) return { addresses, task };
  throw new EmpSslError({
    action: "read",
    subject: "Slurm's variables",
    found: `SLURM_PROCID is ${number}`,
    remedy: "start the processes by srun, or give --cluster and --task, or " +
      "--cluster none",
    code: "INVALID_ARGUMENT",
  });
}

/**
 * The processes that the environment defines: in TensorFlow's `TF_CONFIG`, or in Slurm's
 * variables in a step of several tasks.
 *
 * @param get Reads an environment variable.
 * @returns Undefined for a single process.
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function membershipOf(
  get: (name: string) => string | undefined,
): Membership | undefined {
  const config = get("TF_CONFIG");
  try {
    if (config) return fromTfConfig(config);
  } catch (error) {
    throw new EmpSslError({
      action: "read",
      subject: "TF_CONFIG",
      found: messageOf(error),
      remedy: "correct TF_CONFIG, or give --cluster and --task, or " +
        "--cluster none",
      code: "INVALID_ARGUMENT",
    });
  }
  return Number(get("SLURM_STEP_NUM_TASKS")) > 1 ? fromSlurm(get) : undefined;
}
