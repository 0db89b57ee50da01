/**
 * valibot: checks plain data against a schema. The version stands here and
 * nowhere else.
 *
 * @module
 */
export * from "npm:valibot@1.5.0";
