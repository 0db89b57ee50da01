/**
 * The connection between two processes that train together: JSON messages over
 * TCP, one on each line.
 *
 * @module
 */
/** The settings that must be equal in all processes, by their flags. */
export type SharedSettings = Record<string, string>;

/** A process that was lost. */
export interface LostPeer {
  /** The process, as messages name it. */
  peer: string;
  /** How that was noticed. */
  found: string;
  /** What to do about it; to resume where it is not given. */
  remedy?: string;
}

/** A message: one field is set. */
export interface Message {
  hello?: { task: number; settings: SharedSettings };
  welcome?: unknown;
  heartbeat?: true;
  lost?: LostPeer;
  done?: true;
}

const encoder = new TextEncoder();

/** Longer than any message, in characters: a longer one is not from us. */
const MAX_MESSAGE = 1 << 18;

/** A connection to another process. */
export class Connection {
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #text: ReadableStreamDefaultReader<string>;
  #rest = "";
  #connection: Deno.TcpConn;
  #lastMessage = performance.now();
  /** Whether the other process has finished. */
  done = false;

  constructor(connection: Deno.TcpConn) {
    connection.setNoDelay(true);
    this.#connection = connection;
    this.#writer = connection.writable.getWriter();
    this.#text = connection.readable
      .pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** Counts the silence anew: until now nothing was read. */
  restartSilence(): void {
    this.#lastMessage = performance.now();
  }

  /** Seconds since the last message. */
  get silence(): number {
    return (performance.now() - this.#lastMessage) / 1000;
  }

  /** Sends a message; nothing happens where the connection is closed. */
  send(message: Message): void {
    this.#writer.write(encoder.encode(JSON.stringify(message) + "\n"))
      .catch(() => {});
  }

  /** The next message; nothing where the connection ends or breaks the protocol. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return parseMessage(line);
      }
      if (this.#rest.length > MAX_MESSAGE) return undefined;
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

/** Parses a message; nothing where it is none: anyone can connect. */
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
