/**
 * The connection between two processes that train together: JSON messages over TCP, one
 * per line.
 *
 * @module
 */
import type { ErrorCode } from "../common/errors.ts";

/** The settings that must be equal in all processes, by flag. */
export type SharedSettings = Record<string, string>;

/** A process that was lost. */
export interface LostPeer {
  /** The process's name in messages. */
  peer: string;
  /** How the loss was noticed. */
  found: string;
  /** What to do about it; by default: resume. */
  remedy?: string;
  /** The code of the error that ended it; by default `PEER_LOST`. */
  code?: ErrorCode;
}

/** A message, in which exactly one field is set. */
export interface Message {
  hello?: { task: number; settings: SharedSettings };
  welcome?: unknown;
  heartbeat?: true;
  lost?: LostPeer;
  /** It has its data and its engine. */
  ready?: true;
  done?: true;
}

const encoder = new TextEncoder();

/** Limit of a message from anyone, in characters: this program sends none so long. */
const MAX_MESSAGE = 1 << 18;
/** That of a message from process 0: its plan has the options of a data module. */
export const MAX_PLAN = 1 << 26;

/** A connection to another process. */
export class Connection {
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #text: ReadableStreamDefaultReader<string>;
  #rest = "";
  #limit: number;
  #connection: Deno.TcpConn;
  #lastMessage = performance.now();
  /** Whether the other process has its data and its engine. */
  ready = false;
  /** Whether the other process has finished. */
  done = false;

  /** @param limit Characters of a message; the connection ends at a longer one. */
  constructor(connection: Deno.TcpConn, limit = MAX_MESSAGE) {
    connection.setNoDelay(true);
    this.#limit = limit;
    this.#connection = connection;
    this.#writer = connection.writable.getWriter();
    this.#text = connection.readable
      .pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** Resets {@linkcode Connection.silence} to zero. */
  restartSilence(): void {
    this.#lastMessage = performance.now();
  }

  /** Seconds since the last message. */
  get silence(): number {
    return (performance.now() - this.#lastMessage) / 1000;
  }

  /** Sends a message; does nothing if the connection is closed. */
  send(message: Message): void {
    this.#writer.write(encoder.encode(JSON.stringify(message) + "\n"))
      .catch(() => {});
  }

  /** The next message; undefined if the connection ends or the message is invalid. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return parseMessage(line);
      }
      if (this.#rest.length > this.#limit) return undefined;
      const { value } = await this.#text.read()
        .catch(() => ({ value: undefined }));
      if (value === undefined) return undefined;
      this.#lastMessage = performance.now();
      this.#rest += value;
    }
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // It was closed by the other side.
    }
  }
}

/** Parses a message; undefined if it is invalid, since anyone can connect. */
function parseMessage(line: string): Message | undefined {
  try {
    const message: Message = JSON.parse(line);
    const { hello } = message;
    const isHello = hello === undefined ||
      typeof hello.task === "number" && typeof hello.settings === "object" &&
        hello.settings !== null;
    return isHello ? message : undefined;
  } catch {
    return undefined;
  }
}
