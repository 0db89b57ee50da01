/**
 * valibot: checks plain data against a schema. The version is pinned only here.
 *
 * @module
 */
export * from "npm:valibot@1.5.0";
