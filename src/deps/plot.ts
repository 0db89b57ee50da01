/**
 * Observable Plot, which draws the figures of reports, and a DOM document for it.
 *
 * @module
 */
import * as Plot from "npm:@observablehq/plot@0.6.17";
import { parseHTML } from "npm:linkedom@0.18.15";

/** The part of a drawn DOM element that is used. */
export interface Drawn {
  /** `svg`, or that of the element around it. */
  tagName: string;
  /** The markup. */
  outerHTML: string;
  /** Finds an element in it. */
  querySelector(selector: string): Drawn | null;
  /** Sets an attribute. */
  setAttribute(name: string, value: string): void;
}

/** Draws a plot in a new document. */
export function plot(options: Plot.PlotOptions): Drawn {
  const { document } = parseHTML("<html><body></body></html>") as unknown as {
    document: Plot.PlotOptions["document"];
  };
  return Plot.plot({ ...options, document }) as unknown as Drawn;
}

export { Plot };
