/**
 * Readers of tar and zip archives; the versions are pinned only here.
 *
 * @module
 */
export { createTarDecoder } from "npm:modern-tar@0.8.6";
export {
  configure as configureZip,
  Reader as ZipSource,
  ZipReader,
} from "npm:@zip.js/zip.js@2.24.0";
