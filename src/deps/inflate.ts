/**
 * `fflate`: decompresses zlib's format. Deno's own decompression leaks some kilobytes
 * with each damaged stream.
 *
 * @module
 */
export { Unzlib } from "npm:fflate@0.8.3";
