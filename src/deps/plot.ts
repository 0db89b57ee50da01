/**
 * Observable Plot, which draws the figures of reports, and a document for it to
 * draw in.
 *
 * @module
 */
import * as Plot from "npm:@observablehq/plot@0.6.17";
import { parseHTML } from "npm:linkedom@0.18.15";

/** A drawn element, of what is used of it. */
export interface Drawn {
  /** `svg`, or what wraps it. */
  tagName: string;
  /** The markup. */
  outerHTML: string;
  /** Finds an element in it. */
  querySelector(selector: string): Drawn | null;
  /** Sets an attribute. */
  setAttribute(name: string, value: string): void;
}

/** Draws a plot in a document of its own. */
export function plot(options: Plot.PlotOptions): Drawn {
  const { document } = parseHTML("<html><body></body></html>") as unknown as {
    document: Plot.PlotOptions["document"];
  };
  return Plot.plot({ ...options, document }) as unknown as Drawn;
}

export { Plot };
