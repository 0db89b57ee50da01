/**
 * Restricts a server to one address. TensorFlow's servers always listen on every
 * address of a machine; a socket filter on the listening socket drops packets to
 * other addresses before a connection is made.
 *
 * @module
 */
import { lookup } from "node:dns/promises";

const SOL_SOCKET = 1, SO_ATTACH_FILTER = 26, SO_ACCEPTCONN = 30;
/** The offset of a packet's network header in a filter: `SKF_NET_OFF`. */
const NET = 0xfff00000;
/** More file descriptors than a process has open while it starts. */
const MOST_FILES = 4096;

/** Linux's C library. */
function openLibc() {
  return Deno.dlopen("libc.so.6", {
    getsockopt: {
      parameters: ["i32", "i32", "i32", "buffer", "buffer"],
      result: "i32",
    },
    setsockopt: {
      parameters: ["i32", "i32", "i32", "buffer", "u32"],
      result: "i32",
    },
    getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  });
}

type Libc = ReturnType<typeof openLibc>["symbols"];

/** The listening sockets of this process on a port. */
function listeners(libc: Libc, port: number): number[] {
  const found: number[] = [];
  for (let file = 0; file < MOST_FILES; file++) {
    const value = new Int32Array(1), length = Uint32Array.of(4);
    const bytes = new Uint8Array(value.buffer);
    const sizes = new Uint8Array(length.buffer);
    const listens = libc.getsockopt(
          file,
          SOL_SOCKET,
          SO_ACCEPTCONN,
          bytes,
          sizes,
        ) === 0 && value[0] === 1;
    if (!listens) continue;
    const name = new Uint8Array(128);
    length[0] = name.length;
    if (libc.getsockname(file, name, sizes) !== 0) continue;
    // The port follows the family, for IPv4 and IPv6 alike.
    if (new DataView(name.buffer).getUint16(2) === port) found.push(file);
  }
  return found;
}

/** A BPF program that accepts IPv4 packets to one address and drops all others. */
function onlyTo(address: number[]): Uint8Array<ArrayBuffer> {
  const wanted = new DataView(Uint8Array.from(address).buffer).getUint32(0);
  // Each instruction: code, jump if true, jump if false, operand.
  const program: [number, number, number, number][] = [
    [0x30, 0, 0, NET], // load the byte with the IP version
    [0x54, 0, 0, 0xf0], // mask the version
    [0x15, 0, 3, 0x40], // not IPv4: drop
    [0x20, 0, 0, NET + 16], // load the destination address
    [0x15, 0, 1, wanted], // another address: drop
    [0x06, 0, 0, 0xffffffff], // accept
    [0x06, 0, 0, 0], // drop
  ];
  const view = new DataView(new ArrayBuffer(8 * program.length));
  program.forEach(([code, yes, no, value], i) => {
    view.setUint16(8 * i, code, true);
    view.setUint8(8 * i + 2, yes);
    view.setUint8(8 * i + 3, no);
    view.setUint32(8 * i + 4, value, true);
  });
  return new Uint8Array(view.buffer);
}

/**
 * Makes a server of this process reachable through one address only.
 *
 * @param host A name or an IPv4 address of this machine.
 * @param port The server's port.
 * @returns Whether that was possible: on Linux, with IPv4.
 */
export async function listenOnlyOn(
  host: string,
  port: number,
): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  const { address, family } = await lookup(host, { family: 4 })
    .catch(() => ({ address: "", family: 0 }));
  if (family !== 4) return false;
  const libc = openLibc();
  try {
    const filter = onlyTo(address.split(".").map(Number));
    const program = new DataView(new ArrayBuffer(16));
    program.setUint16(0, filter.length / 8, true);
    const place = Deno.UnsafePointer.value(Deno.UnsafePointer.of(filter));
    program.setBigUint64(8, place, true);
    // setsockopt copies the filter, which must not be garbage-collected before:
    // its use in the return statement keeps it alive.
    const files = listeners(libc.symbols, port);
    const bytes = new Uint8Array(program.buffer);
    const attached = files.every((file) =>
      libc.symbols.setsockopt(file, SOL_SOCKET, SO_ATTACH_FILTER, bytes, 16) ===
        0
    );
    return files.length > 0 && attached && filter.length > 0;
  } finally {
    libc.close();
  }
}
