/**
 * The libraries of the live page, as texts: uPlot draws its curves, UMAP its map on
 * request. The page's own server sends them, so that no request leaves the machine.
 *
 * @module
 */
import umap from "npm:umap-js@1.4.0/lib/umap-js.min.js" with { type: "text" };
import uplot from "npm:uplot@1.6.32/dist/uPlot.esm.js" with { type: "text" };
import uplotStyle from "npm:uplot@1.6.32/dist/uPlot.min.css" with {
  type: "text",
};

export { umap, uplot, uplotStyle };
