/**
 * The line between two processes that train together: messages of one line of
 * JSON each, over TCP.
 *
 * @module
 */
/** What all processes must agree on, by the names that a user knows. */
export type Identity = Record<string, string>;

/** Who was lost, and how that was seen. */
export interface Loss {
  who: string;
  found: string;
  /** What to do about it; to resume where it is not given. */
  remedy?: string;
}

/** A line of the wire: one field is set. */
export interface Message {
  hello?: { task: number; identity: Identity };
  welcome?: unknown;
  beat?: true;
  lost?: Loss;
  bye?: true;
}

const encoder = new TextEncoder();

/** Longer than any message of ours, and little enough to hold. */
const LONGEST = 1 << 18;

/** A line to another process. */
export class Line {
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #text: ReadableStreamDefaultReader<string>;
  #rest = "";
  #connection: Deno.TcpConn;
  #heard = performance.now();
  /** Whether it has taken leave. */
  left = false;

  constructor(connection: Deno.TcpConn) {
    connection.setNoDelay(true);
    this.#connection = connection;
    this.#writer = connection.writable.getWriter();
    this.#text = connection.readable
      .pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** Seconds since something came. */
  get silence(): number {
    return (performance.now() - this.#heard) / 1000;
  }

  /** Sends a message, if the line still holds. */
  send(message: Message): void {
    this.#writer.write(encoder.encode(JSON.stringify(message) + "\n"))
      .catch(() => {});
  }

  /** The next message; nothing where the line was closed, or is no roll. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return messageOfLine(line);
      }
      if (this.#rest.length > LONGEST) return undefined;
      const { value } = await this.#text.read()
        .catch(() => ({ value: undefined }));
      if (value === undefined) return undefined;
      this.#heard = performance.now();
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

/** A message, where a line is one: anybody may have sent it. */
function messageOfLine(line: string): Message | undefined {
  try {
    const message: Message = JSON.parse(line);
    const { hello } = message;
    const isHello = hello === undefined ||
      typeof hello.task === "number" && typeof hello.identity === "object" &&
        hello.identity !== null;
    return isHello ? message : undefined;
  } catch {
    return undefined;
  }
}
