/**
 * `fflate`: unpacks zlib's format. Deno's own ways leak some kilobytes with each
 * stream that is damaged.
 *
 * @module
 */
export { Unzlib } from "npm:fflate@0.8.3";
