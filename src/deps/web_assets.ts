/**
 * What the live page takes from libraries, as texts: uPlot draws its curves,
 * UMAP its map when asked. They are served from here, so that no request leaves
 * the machine.
 *
 * @module
 */
import umap from "npm:umap-js@1.4.0/lib/umap-js.min.js" with { type: "text" };
import uplot from "npm:uplot@1.6.32/dist/uPlot.esm.js" with { type: "text" };
import uplotStyle from "npm:uplot@1.6.32/dist/uPlot.min.css" with {
  type: "text",
};

export { umap, uplot, uplotStyle };
