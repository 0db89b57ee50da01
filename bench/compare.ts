/**
 * Our program and the peer's, measured in turn.
 *
 * @module
 */
import { inTurn, LineProcess } from "./line_process.ts";
import {
  deviceName,
  type Measurement,
  median,
  round,
  spread,
} from "./measurement.ts";
import type { BenchOptions } from "./options.ts";
import { startPeer } from "./peer.ts";
import { describe, programFlags } from "./settings.ts";

/** The running programs of one measurement. */
export interface Pair extends AsyncDisposable {
  /** Sends both the same request, in turn. */
  ask(request: PairRequest): Promise<Measurement>;
  /** Their peak memory so far. */
  memory(name: string): Measurement;
}

/** What to request, and how to name the measurement. */
export interface PairRequest {
  /** Name of the measurement. */
  name: string;
  /** The line that is sent. */
  line?: string;
  /** Units of work per answer: if given, the measurement is a rate, else seconds. */
  count?: number;
  /** Unit of the measurement. */
  unit: string;
}

/** Starts both programs and waits until each has loaded. */
export async function startPair(
  options: BenchOptions,
  scripts: { ours: string; peer: string },
  more: string[] = [],
): Promise<Pair> {
  const { setting, precision, repeat } = options;
  const flags = [...programFlags(setting), "--precision", precision, ...more];
  const own = LineProcess.ours(scripts.ours, [
    ...flags,
    ...(options.microBatch ? ["--micro-batch", `${options.microBatch}`] : []),
  ]);
  const peer = options.peer && startPeer(options.peer, scripts.peer, flags);
  await own.line();
  const against = peer ? peer.describe(await peer.process.line()) : "no peer";
  const shared = {
    device: deviceName(),
    setting: `${describe(setting)}, ${against}`,
  };
  let peaks: { own: number; peer?: number } = { own: NaN };
  return {
    async ask({ name, line, count, unit }) {
      const [ours = [], theirs = []] = await inTurn(
        [own, peer?.process],
        repeat,
        line,
      );
      const seconds = ours.map(([time]) => time);
      const peerSeconds = theirs.map(([time]) => time);
      const told = (time: number) => round(count ? count / time : time);
      peaks = { own: ours.at(-1)![1], peer: theirs.at(-1)?.[1] };
      return {
        name: `${name}/${precision}`,
        unit,
        ours: told(median(seconds)),
        peer: peer ? told(median(peerSeconds)) : null,
        ratio: peer ? round(median(peerSeconds) / median(seconds)) : null,
        n: repeat,
        spread: round(spread(seconds)),
        ...shared,
      };
    },
    memory(name) {
      const gigabytes = (kilobytes: number) => round(kilobytes * 1024 / 1e9);
      return {
        name: `${name}/${precision}`,
        unit: "GB",
        ours: gigabytes(peaks.own),
        peer: peaks.peer === undefined ? null : gigabytes(peaks.peer),
        ratio: peaks.peer === undefined ? null : round(peaks.peer / peaks.own),
        n: 1,
        spread: 0,
        ...shared,
      };
    },
    async [Symbol.asyncDispose]() {
      await own.close();
      await peer?.process.close();
    },
  };
}
