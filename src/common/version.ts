/**
 * This program's version, equal to that in deno.json, which is not loaded when `mod.ts`
 * is imported from a URL.
 *
 * @module
 */

/** This program's version, as in its deno.json. */
export const VERSION = "0.1.0";
