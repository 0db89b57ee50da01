/**
 * This program's version: that of deno.json, which a program that imports us
 * from a URL does not load.
 *
 * @module
 */

/** This program's version, that of its deno.json. */
export const VERSION = "0.1.0";
