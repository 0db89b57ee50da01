/**
 * What a bench prints: one line of JSON, or of text, for each measurement.
 *
 * @module
 */

import os from "node:os";

/** One measurement. */
export interface Measurement {
  /** What was measured: `step/fp32`. */
  name: string;
  /** Unit of `ours` and `peer`. */
  unit: string;
  /** Our median. */
  ours: number;
  /** The peer's median; null without a peer. */
  peer: number | null;
  /** How many times better `ours` is; null without a comparison. */
  ratio: number | null;
  /** The CPU's model and its number of cores. */
  device: string;
  /** Repetitions. */
  n: number;
  /** The range of our values (maximum − minimum), divided by their median. */
  spread: number;
  /** The size of what was measured, and what it was measured against. */
  setting: string;
}

/** The median; of an even number of values the upper one. */
export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** The range of values (maximum − minimum), divided by their median. */
export function spread(values: number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/** Rounds to three decimals. */
export function round(x: number): number {
  return Math.round(x * 1000) / 1000;
}

/** The CPU's model and its number of cores. */
export function deviceName(): string {
  const model = os.cpus()[0]?.model ?? Deno.build.arch;
  return `${model}, ${navigator.hardwareConcurrency} cores`;
}

/** A measurement without a peer; the spread is computed from the repetitions. */
export function withoutPeer(
  { repetitions, ...told }:
    & Pick<Measurement, "name" | "unit" | "ours" | "setting">
    & { repetitions: number[] },
): Measurement {
  return {
    ...told,
    peer: null,
    ratio: null,
    device: deviceName(),
    n: repetitions.length,
    spread: round(spread(repetitions)),
  };
}

/** Prints a measurement. */
export function print(m: Measurement, json: boolean): void {
  if (json) return console.log(JSON.stringify(m));
  const peer = m.peer === null
    ? ""
    : `, peer ${m.peer}` + (m.ratio === null ? "" : `, ratio ${m.ratio}`);
  console.log(
    `${m.name.padEnd(24)} ${m.ours} ${m.unit}${peer}   ` +
      `(n ${m.n}, spread ${m.spread}; ${m.setting}; ${m.device})`,
  );
}
