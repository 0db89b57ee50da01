/**
 * Comlink: calls between the main thread and the workers.
 *
 * @module
 */
export * from "npm:comlink@4.4.2";
