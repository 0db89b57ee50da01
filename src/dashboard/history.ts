/**
 * All that the live page shows of a run, in order, for any number of viewers. Each
 * viewer reads the shared list at its own speed: new records are not queued per viewer.
 *
 * @module
 */

/** More records than this: steps are thinned out for a viewer that connects late. */
const MOST = 4000;
/** Records sent at a time. */
const CHUNK = 500;

const isStep = (text: string) => text.startsWith('{"type":"step"');
const isBatch = (text: string) => text.startsWith('{"type":"batch"');

/** See the module's description. */
export class History {
  #records: string[] = [];
  #news = Promise.withResolvers<void>();
  #ended = false;

  /** No more records will come: streams close once viewers have read all. */
  end(): void {
    this.#ended = true;
    this.#news.resolve();
  }

  /** Adds a record. */
  push(record: object): void {
    this.#records.push(JSON.stringify(record));
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /**
   * The past records that a viewer gets: all, or every nth step and the last one, the
   * last batch, and all that is rare.
   */
  #past(): string[] {
    if (this.#records.length <= MOST) return this.#records.slice();
    const steps = this.#records.filter(isStep).length;
    const every = Math.ceil(steps / MOST);
    const batch = this.#records.findLastIndex(isBatch);
    let step = 0;
    return this.#records.filter((text, i) => {
      if (isBatch(text)) return i === batch;
      if (!isStep(text)) return true;
      step++;
      return step % every === 0 || step === steps;
    });
  }

  /**
   * A stream of server-sent events: past records, then new ones. Records are only pulled
   * as fast as the viewer reads.
   */
  follow(): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let past: string[] | undefined = this.#past();
    let at = this.#records.length, closed = false;
    return new ReadableStream({
      pull: async (controller) => {
        while (!closed) {
          const waiting = past ?? this.#records.slice(at, at + CHUNK);
          const some = waiting.slice(0, CHUNK);
          if (past) {
            past = past.length > CHUNK ? past.slice(CHUNK) : undefined;
          } else at += some.length;
          if (some.length > 0) {
            const text = some.map((record) => `data: ${record}\n\n`).join("");
            controller.enqueue(encoder.encode(text));
            return;
          }
          if (this.#ended) {
            controller.close();
            return;
          }
          await this.#news.promise;
        }
      },
      cancel() {
        closed = true;
      },
    }, { highWaterMark: 0 });
  }
}
