/**
 * PyTorch as the peer of a measurement: as published, or at its best.
 *
 * @module
 */
import { LineProcess } from "./line_process.ts";

/** How PyTorch is run. */
export interface PeerOptions {
  /** A Python with torch and torchvision. */
  python: string;
  /** At its best: Gram TCR, `torch.compile`, jemalloc. */
  strong: boolean;
  /** jemalloc's library, if it is not in a usual place. */
  jemalloc?: string;
}

const JEMALLOC = [
  "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
  "/usr/lib/aarch64-linux-gnu/libjemalloc.so.2",
  "/usr/lib64/libjemalloc.so.2",
  "/usr/lib/libjemalloc.so.2",
  "/opt/homebrew/lib/libjemalloc.2.dylib",
];

/** As PyTorch's tuning guide recommends: freed memory is not returned to the system. */
const MALLOC_CONF = "background_thread:false,metadata_thp:auto," +
  "dirty_decay_ms:-1,muzzy_decay_ms:-1";

function findJemalloc(named: string | undefined): string | undefined {
  return (named === undefined ? JEMALLOC : [named]).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** A running program of bench/peers. */
export interface Peer {
  /** The program. */
  process: LineProcess;
  /** Describes how it runs, given the version that it prints first. */
  describe(version: string): string;
}

/** Starts a program of bench/peers. */
export function startPeer(
  { python, strong, jemalloc }: PeerOptions,
  script: string,
  args: string[],
): Peer {
  if (!strong) {
    return {
      process: LineProcess.peer(python, script, args),
      describe: (version) => `${version} as published`,
    };
  }
  const library = findJemalloc(jemalloc);
  const env = library ? { LD_PRELOAD: library, MALLOC_CONF } : undefined;
  const malloc = library ? "jemalloc" : "no jemalloc found";
  return {
    process: LineProcess.peer(python, script, [...args, "--strong"], env),
    describe: (version) => `${version} at its best, ${malloc}`,
  };
}
