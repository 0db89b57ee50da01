/**
 * geotiff: decodes TIFF files of any number of bands, which sharp does not. It is
 * loaded on first use.
 *
 * @module
 */
import type * as GeoTiff from "npm:geotiff@3.0.5";

/** Loads geotiff. */
export async function loadGeoTiff(): Promise<typeof GeoTiff> {
  return await import("npm:geotiff@3.0.5");
}
